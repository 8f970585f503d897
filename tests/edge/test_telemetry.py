"""What a fact leaves in the log: one audit line and the metrics that it counts."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from gpu_shopper.core.states import EndReason
from gpu_shopper.edge.telemetry import Telemetry
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.facts import not_verified
from tests.builders import NOON, a_session


def told(fact: Fact, level: str = "INFO") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Log lines and metric lines of one fact."""
    log, metrics = io.StringIO(), list[str]()
    logger = Logger(service=f"test-{id(log)}", stream=log, level=level)
    Telemetry(logger, "ab12cd34", lambda: NOON, metrics.append).note(fact)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return lines, [json.loads(line) for line in metrics]


def test_a_fact_is_one_audit_line_with_what_is_known() -> None:
    """M-44: unknown things are left out."""
    (line,), metrics = told(Fact("session_created", provider="vastai", session_id="s-1"))
    assert line["audit"] is True
    assert (line["message"], line["provider"], line["session_id"]) == (
        "session_created",
        "vastai",
        "s-1",
    )
    assert "instance_id" not in line
    assert metrics == []


@pytest.mark.parametrize("level", ["DEBUG", "WARNING", "CRITICAL"])
def test_an_audit_line_is_written_whatever_the_log_level(level: str) -> None:
    """6.3."""
    (line,), _ = told(Fact("session_created", session_id="s-1"), level)
    assert (line["level"], line["audit"], line["session_id"]) == ("INFO", True, "s-1")
    assert line["timestamp"]


def test_a_metric_has_the_deployment_and_then_all_its_dimensions() -> None:
    """6.1: and no others, or alarms on them would never match; ids are properties."""
    fact = Fact(
        "session_destroyed",
        provider="vastai",
        session_id="s-1",
        reason="expired",
        metrics={"SessionsEnded": 1},
    )
    (metric,) = told(fact)[1]
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "CloudGpuShopper",
        "Dimensions": [["Deployment"], ["Deployment", "Provider", "Reason"]],
        "Metrics": [{"Name": "SessionsEnded", "Unit": "Count"}],
    }
    assert (metric["Deployment"], metric["Provider"], metric["Reason"]) == (
        "ab12cd34",
        "vastai",
        "expired",
    )
    assert (metric["SessionsEnded"], metric["session_id"]) == (1, "s-1")
    assert metric["_aws"]["Timestamp"] == 1_770_465_600_000


def test_durations_are_in_seconds() -> None:
    """6.1: the unit is part of the metric."""
    (metric,) = told(Fact("x", metrics={"ProvisioningDuration": 6.5}))[1]
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "ProvisioningDuration", "Unit": "Seconds"}]
    assert directive["Dimensions"] == [["Deployment"]]


def test_a_balance_is_dollars_and_has_no_unit() -> None:
    """6.1: CloudWatch knows no dollars."""
    (metric,) = told(Fact("balance_read", provider="vastai", metrics={"ProviderBalance": 4.99}))[1]
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "ProviderBalance", "Unit": "None"}]
    assert directive["Dimensions"] == [["Deployment"], ["Deployment", "Provider"]]
    assert metric["ProviderBalance"] == 4.99


def test_metrics_of_one_fact_are_one_line_each_under_its_own_dimensions() -> None:
    """6.1: one line per event; a metric does not get its neighbour's dimensions."""
    fact = Fact(
        "",
        provider="vastai",
        metrics={"ProviderCalls": 1, "ProviderLatency": 12.5},
        dimensions={"Operation": "find", "Result": "success"},
    )
    lines, (emf,) = told(fact)
    assert lines == [], "numbers alone are nothing for the audit"
    calls, latency = emf["_aws"]["CloudWatchMetrics"]
    assert calls["Dimensions"][1] == ["Deployment", "Provider", "Operation", "Result"]
    assert latency["Dimensions"][1] == ["Deployment", "Provider", "Operation"]
    assert latency["Metrics"] == [{"Name": "ProviderLatency", "Unit": "Milliseconds"}]
    assert (emf["ProviderCalls"], emf["ProviderLatency"], emf["Result"]) == (1, 12.5, "success")


def test_metrics_of_the_same_dimensions_are_told_together_and_without_blanks() -> None:
    """A line is paid by its bytes."""
    fact = Fact("", provider="vastai", metrics={"StoppingAgeMax": 1.5, "ExpiredRunning": 2})
    written = list[str]()
    Telemetry(Logger(service="test"), "ab12cd34", lambda: NOON, written.append).note(fact)
    (line,) = written
    (directive,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [
        {"Name": "StoppingAgeMax", "Unit": "Seconds"},
        {"Name": "ExpiredRunning", "Unit": "Count"},
    ]
    assert directive["Dimensions"] == [["Deployment"], ["Deployment", "Provider"]]
    assert " " not in line


@pytest.mark.parametrize(
    ("named", "counted"),
    [
        ("RTX 4090", "RTX 4090"),
        ("RTX 4090™", "RTX 4090?"),
        ("显卡\x00", "???"),
        ("", "unknown"),
        (" \t", "?"),
        (": :", "unknown"),
        ("x" * 1_025, "x" * 1_024),
    ],
)
def test_a_word_of_a_provider_is_counted_as_cloudwatch_takes_it(named: str, counted: str) -> None:
    """ASCII, not empty, no colon first, 1,024 characters: else the metric is dropped unseen."""
    words = {"GpuType": named, "FailureType": "ssh_timeout"}
    _, (emf,) = told(Fact("", provider="vastai", metrics={"OfferFailures": 1}, dimensions=words))
    assert (emf["GpuType"], emf["OfferFailures"]) == (counted, 1)


def test_a_metric_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError):
        told(Fact("x", metrics={"ProviderCall": 1}))


def test_as_many_failures_are_counted_as_there_were_also_by_another_release() -> None:
    """M-92, M-93: nothing is kept between two lines, so nothing is lost by a deploy."""
    times = {EndReason.SSH_TIMEOUT: 12, EndReason.API_TIMEOUT: 3}
    session = a_session()
    lines = [
        line
        for reason, number in times.items()
        for _ in range(number)
        for fact in not_verified(session, reason)
        for line in told(fact)[1]  # each time by a Telemetry of its own
    ]
    assert sum(line.get("SshVerifyFailures", 0) for line in lines) == 12
    assert sum(line.get("ApiVerifyFailures", 0) for line in lines) == 3
