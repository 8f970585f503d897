"""Percentiles as the benchmarks print them."""

from __future__ import annotations

import pytest

from bench.figures import line, percentile


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_a_value_that_occurred(share: float, wanted: int) -> None:
    assert percentile(range(100, 0, -1), share) == wanted


def test_of_few_values_a_high_percentile_is_the_highest() -> None:
    assert percentile([3, 1, 2], 0.95) == 3
    assert percentile([7], 0.01) == 7


def test_a_line_names_count_figures_and_goal() -> None:
    text = line("POST", [10.0, 20.0, 30.0], "ms", "median ≤ 300 ms")
    assert "n=3" in text
    assert "median 20" in text
    assert text.endswith("ms  (goal: median ≤ 300 ms)")
