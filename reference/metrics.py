"""`docs/metrics.md`: every metric, its unit, its dimensions, and when it moves."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_shopper.core.metrics import METRICS, NAMESPACE, Kind, Metric

HEAD = f"""\
# Metrics

Written by `make docs` from the table in `core/metrics.py` of the layer.

Namespace `{NAMESPACE}`. They are lines in the functions' logs (embedded metric format): CloudWatch
makes metrics of them without a call of ours, and locally the lines are the metrics. Each has the
dimension `Deployment`, and is counted a second time under all dimensions of its row; a bracket
stands for one that only some values have. What stands after "also" is counted once more under these
alone, for alarms. Ids of sessions are in the lines as fields, never as dimensions.
"""
_TITLES = {
    Kind.COUNTER: "Counters: one for each fact, after the write that made it true",
    Kind.GAUGE: "Gauges: how things stand, read from the tables",
    Kind.SAMPLE: "Samples: how long, how many, how much",
}


def text() -> str:
    """The whole document."""
    return "\n".join([HEAD.rstrip(), *_sections(), ""])


def _sections() -> Iterator[str]:
    for kind, title in _TITLES.items():
        yield from ("", f"## {title}", "")
        yield "| metric | unit | dimensions | it moves when |"
        yield "|---|---|---|---|"
        for one in METRICS.values():
            if one.kind is kind:
                yield f"| `{one.name}` | {one.unit} | {_dimensions(one)} | {one.meaning} |"


def _dimensions(metric: Metric) -> str:
    own = ", ".join(f"({one})" if one in metric.optional else one for one in metric.dimensions)
    return "; also ".join([own, *(", ".join(one) for one in metric.sums)])
