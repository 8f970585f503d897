"""The table of metrics: complete, and true to what the code emits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gpu_shopper.core.metrics import METRICS
from reference import metrics as document
from tests.template.cfn import ROOT

LAYER = ROOT / "layers/shared/gpu_shopper"
CODE = [
    path
    for folder in ("usecases", "edge")
    for path in sorted((LAYER / folder).rglob("*.py"))
    if "answers" not in path.parts
]
NAME = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+")
# Keys in CamelCase that belong to others: the format of the lines, HTTP, AWS.
OTHERS = {"CloudWatchMetrics", "CiphertextBlob", "RoleArn", "EventBusName", "DetailType"} | {
    "SequenceNumber",
    "NewImage",
}
# The dimensions that the contract allows: a few words each, never an id.
DIMENSIONS = {
    "Provider",
    "Status",
    "Reason",
    "ErrorType",
    "Operation",
    "Result",
    "Scope",
    "GpuType",
    "FailureType",
    "Method",
    "Route",
    "Sweep",
    "AlertType",
}


def _counted() -> Iterator[str]:
    """Every name in CamelCase that is the key of a dictionary in the code."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            keys = node.keys if isinstance(node, ast.Dict) else []
            keys = [*keys, node.slice] if isinstance(node, ast.Subscript) else keys
            for key in keys:
                if isinstance(key, ast.Constant) and NAME.fullmatch(str(key.value)):
                    yield str(key.value)


def test_every_metric_is_emitted_and_whatever_is_emitted_is_a_metric() -> None:
    """6.1: one table; `tests/world.py` refuses facts that do not fit it, dimensions and all."""
    source = "\n".join(path.read_text("utf-8") for path in CODE)
    assert [name for name in METRICS if f'"{name}"' not in source] == []
    words = {name for metric in METRICS.values() for name in metric.dimensions}
    assert {name for name in _counted() if name not in {*METRICS, *words, *OTHERS}} == set()


def test_dimensions_are_those_of_the_contract_and_no_ids() -> None:
    """6.1: each value of a dimension is a metric that is paid for."""
    assert {name for one in METRICS.values() for name in one.dimensions} <= DIMENSIONS
    for one in METRICS.values():
        assert set(one.optional) <= set(one.dimensions)
        assert all(set(words) < set(one.dimensions) for words in one.sums)


def test_a_value_is_counted_under_the_deployment_under_all_words_and_under_the_sums() -> None:
    """X-18: by provider and operation, and as the alarm reads it."""
    errors = METRICS["ProviderErrors"]
    words = errors.words({"Provider": "vastai", "Operation": "find", "ErrorType": "auth", "X": "y"})
    assert list(errors.sets(words)) == [
        ["Deployment"],
        ["Deployment", "Provider", "Operation", "ErrorType"],
        ["Deployment", "ErrorType"],
        ["Deployment", "Provider", "ErrorType"],
    ]
    assert list(METRICS["SweepCompleted"].sets({"Sweep": "lifecycle"})) == [
        ["Deployment"],
        ["Deployment", "Sweep"],
    ]


def test_every_metric_is_in_the_document() -> None:
    assert [name for name in METRICS if f"| `{name}` |" not in document.text()] == []
