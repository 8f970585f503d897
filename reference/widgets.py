"""What a diagram of the dashboard is made of: lines of our metrics, and of AWS's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpu_shopper.core.metrics import DEPLOYMENT, NAMESPACE

PERIOD_S = 60
DEPLOYED = "${DeploymentId}"

type Line = list[Any]


@dataclass(frozen=True, slots=True)
class Widget:
    """One diagram."""

    title: str
    lines: tuple[Line, ...]
    unit: str = ""
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Diagrams that belong together."""

    title: str
    widgets: tuple[Widget, ...]


def each(
    metric: str,
    *dimensions: str,
    stat: str = "Sum",
    label: str = "",
    period_s: int = PERIOD_S,
) -> Line:
    """A line for every value that these dimensions of a metric ever had."""
    words = ",".join((NAMESPACE, DEPLOYMENT, *dimensions))
    wanted = f'{{{words}}} MetricName="{metric}" {DEPLOYMENT}="{DEPLOYED}"'
    shown = label or " ".join(f"${{PROP('Dim.{one}')}}" for one in dimensions)
    return [
        {
            "expression": f"SEARCH('{wanted}', '{stat}', {period_s})",
            "label": shown.replace("${", "${!"),
        }
    ]


def whole(metric: str, stat: str = "Sum", label: str = "", **words: str) -> Line:
    """One line: the metric under the deployment, and these words."""
    named = [part for pair in words.items() for part in pair]
    return [NAMESPACE, metric, DEPLOYMENT, DEPLOYED, *named, _look(stat, label or metric)]


def aws(namespace: str, metric: str, stat: str, label: str, **words: str) -> Line:
    """One line of AWS's own."""
    named = [part for pair in words.items() for part in pair]
    return [namespace, metric, *named, _look(stat, label)]


def _look(stat: str, label: str) -> dict[str, str]:
    return {"stat": stat, "label": label}


def percentiles(metric: str, *stats: str, of: str = "") -> tuple[Line, ...]:
    return tuple(whole(metric, stat, f"{of} {stat}".strip()) for stat in stats)
