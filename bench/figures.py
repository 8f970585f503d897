"""Medians and percentiles, and how they are printed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def line(name: str, values: Sequence[float], unit: str, goal: str) -> str:
    """One line of a table: count, median, 95th and 99th percentile, most."""
    median = statistics.median(values)
    p95, p99 = percentile(values, 0.95), percentile(values, 0.99)
    figures = "  ".join(
        f"{label} {value:.{0 if unit == 'ms' and value >= 10 else 1}f}"
        for label, value in (("median", median), ("p95", p95), ("p99", p99), ("max", max(values)))
    )
    return f"  {name:<36} n={len(values):<3} {figures} {unit}  (goal: {goal})"
