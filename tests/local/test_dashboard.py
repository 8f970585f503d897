"""The drawn dashboard: what the template defines, from the lines that functions log."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from aws_lambda_powertools import Logger

from gpu_shopper.edge.telemetry import Telemetry
from gpu_shopper.usecases.measuring import measured
from local import dashboard, metrics, paths
from local.drawing import short
from local.metrics import Value
from tests.builders import NOON

ID = "ab12cd34"


def lines() -> list[str]:
    """Some of what a run logs, and lines that are no metrics."""
    written: list[str] = ["START RequestId", '{"message": "no metric"}', '"_aws" and no JSON']
    logger = Logger(service="drawn", stream=io.StringIO())
    note = Telemetry(logger, ID, lambda: NOON, written.append).note
    for status, number in (("running", 2), ("pending", 0)):
        note(measured({"SessionsActive": number}, "vastai", Status=status))
    for took_ms in (10, 20, 400):
        words = {"Operation": "find", "Result": "success"}
        note(measured({"ProviderCalls": 1, "ProviderLatency": took_ms}, "vastai", **words))
    return written


def drawn(found: list[Value]) -> str:
    return dashboard.draw(dashboard.widgets(paths.TEMPLATE, ID), found)


def search(metric: str, *names: str, stat: str = "Sum") -> list[dict[str, Any]]:
    words = ",".join(("CloudGpuShopper", "Deployment", *names))
    wanted = f'{{{words}}} MetricName="{metric}" Deployment="{ID}"'
    return [{"expression": f"SEARCH('{wanted}', '{stat}', 60)"}]


def test_a_search_gives_a_line_for_each_combination_of_values() -> None:
    found = metrics.series(
        search("SessionsActive", "Provider", "Status", stat="Maximum"), metrics.values(lines())
    )
    assert [(one.label, one.points[0][1]) for one in found] == [
        ("vastai pending", 0),
        ("vastai running", 2),
    ]


def test_a_value_is_found_under_its_own_sets_of_dimensions_only() -> None:
    """As CloudWatch: Provider alone is not a set of ProviderCalls."""
    found = metrics.values(lines())
    assert metrics.series(search("ProviderCalls", "Provider"), found) == []
    (whole,) = metrics.series(search("ProviderCalls", "Provider", "Operation", "Result"), found)
    assert (whole.label, whole.points[0][1]) == ("vastai find success", 3)


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("Sum", 430),
        ("Maximum", 400),
        ("Minimum", 10),
        ("Average", 430 / 3),
        ("p50", 20),
        ("p99", 400),
    ],
)
def test_statistics_are_those_of_cloudwatch(stat: str, expected: float) -> None:
    look = {"stat": stat, "label": "latency"}
    line = ["CloudGpuShopper", "ProviderLatency", "Deployment", ID, look]
    (found,) = metrics.series(line, metrics.values(lines()))
    assert (found.label, len(found.points)) == ("latency", 1)
    assert found.points[0] == pytest.approx((NOON.timestamp(), expected))


def test_another_deployment_has_another_line() -> None:
    look = {"stat": "Sum", "label": "calls"}
    line = ["CloudGpuShopper", "ProviderCalls", "Deployment", "zz99zz99", look]
    assert metrics.series(line, metrics.values(lines())) == []


@pytest.mark.parametrize("found", [[], metrics.values(lines())], ids=["nothing", "something"])
def test_the_picture_has_every_diagram_and_needs_nothing_else(found: list[Value]) -> None:
    """It opens without a network, and a README shows it."""
    picture = drawn(found)
    ElementTree.fromstring(picture)  # noqa: S314 - our own picture
    for one in dashboard.widgets(paths.TEMPLATE, ID):
        title = one["properties"].get("title")
        assert title is None or title.replace("'", "&#x27;") in picture
    assert re.findall(r"https?://[^\"' ]+", picture) == ["http://www.w3.org/2000/svg"]
    assert ("<polyline" in picture) is bool(found)


def test_numbers_are_short() -> None:
    assert [short(one) for one in (0, 2, 0.25, 17.5, 1234.6, 20_000, 3e7)] == [
        "0",
        "2",
        "0.25",
        "17.5",
        "1235",
        "20k",
        "30M",
    ]
