"""Alarms and the dashboard: they read what is emitted, show all of it, and are explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from gpu_shopper.core.metrics import METRICS, NAMESPACE
from tests.template.cfn import ROOT, parameters, properties, resources, template

ALARMS = resources("AWS::CloudWatch::Alarm")
OURS, DYNAMO, STATES, SQS = NAMESPACE, "AWS/DynamoDB", "AWS/States", "AWS/SQS"
AT_LEAST, ABOVE, BELOW = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
)
SUM, MOST, LEAST = "Sum", "Maximum", "Minimum"
# The contract's table once more, and ours: metric, statistic, condition, threshold, seconds,
# periods, topic.
CONTRACT: dict[str, tuple[str, str, str, int, int, int, str]] = {
    "OrphanDetected": ("OrphansDetected", SUM, AT_LEAST, 1, 60, 1, "AlertsTopic"),
    "OrphanFlood": ("OrphansHeldBack", SUM, AT_LEAST, 1, 60, 1, "AlertsTopic"),
    "StoppingTooLong": ("StoppingAgeMax", MOST, ABOVE, 300, 60, 1, "AlertsTopic"),
    "DestroyFailed": ("DestroyFailures", SUM, AT_LEAST, 1, 300, 1, "AlertsTopic"),
    "ReconciliationMismatch": ("ReconciliationMismatches", SUM, AT_LEAST, 1, 60, 1, "AlertsTopic"),
    "HardMaxEnforced": ("HardMaxEnforced", SUM, AT_LEAST, 1, 300, 1, "NoticesTopic"),
    "ReconcileMissing-vastai": ("SweepCompleted", SUM, BELOW, 1, 300, 1, "AlertsTopic"),
    "ReconcileMissing-tensordock": ("SweepCompleted", SUM, BELOW, 1, 300, 1, "AlertsTopic"),
    "LifecycleMissing": ("SweepCompleted", SUM, BELOW, 1, 300, 1, "AlertsTopic"),
    "CostsMissing": ("SweepCompleted", SUM, BELOW, 1, 900, 1, "NoticesTopic"),
    "ProviderAuthFailed": ("ProviderErrors", SUM, AT_LEAST, 1, 300, 1, "AlertsTopic"),
    "ProviderApiDown-vastai": ("ProviderErrors", SUM, ABOVE, 10, 300, 1, "NoticesTopic"),
    "ProviderApiDown-tensordock": ("ProviderErrors", SUM, ABOVE, 10, 300, 1, "NoticesTopic"),
    "InventoryStale": ("SnapshotAge", MOST, ABOVE, 600, 60, 5, "NoticesTopic"),
    "RunningPastExpiry": ("ExpiredRunning", MOST, AT_LEAST, 1, 60, 1, "AlertsTopic"),
    "HostKeyChanged": ("HostKeyChanges", SUM, AT_LEAST, 1, 300, 1, "NoticesTopic"),
    "AgentsSilent": ("AgentOutages", SUM, AT_LEAST, 1, 300, 1, "NoticesTopic"),
    "HeartbeatStale": ("HeartbeatAgeMax", MOST, ABOVE, 1800, 60, 1, "NoticesTopic"),
    "BudgetExceeded": ("BudgetAlerts", SUM, AT_LEAST, 1, 300, 1, "NoticesTopic"),
    "LowBalance": ("ProviderBalance", LEAST, BELOW, 5, 3600, 1, "NoticesTopic"),
    "ChargesDiffer": ("ChargesDrift", MOST, ABOVE, 1, 3600, 1, "NoticesTopic"),
    "SshVerifyFailed": ("SshVerifyFailures", SUM, AT_LEAST, 3, 900, 1, "NoticesTopic"),
    "ApiErrors": ("HttpRequests", SUM, AT_LEAST, 5, 300, 1, "NoticesTopic"),
}
# What an alarm reads of its metric, where it is not all of the deployment.
DOWN = ("auth", "rate_limited", "unavailable", "timeout", "bad_reply", "other")
PART: dict[str, list[dict[str, str]]] = {
    "ReconcileMissing-vastai": [{"Sweep": "reconcile", "Provider": "vastai"}],
    "ReconcileMissing-tensordock": [{"Sweep": "reconcile", "Provider": "tensordock"}],
    "LifecycleMissing": [{"Sweep": "lifecycle"}],
    "CostsMissing": [{"Sweep": "costs"}],
    "ProviderAuthFailed": [{"ErrorType": "auth"}],
    "ProviderApiDown-vastai": [{"Provider": "vastai", "ErrorType": one} for one in DOWN],
    "ProviderApiDown-tensordock": [{"Provider": "tensordock", "ErrorType": one} for one in DOWN],
    "BudgetExceeded": [{"AlertType": "exceeded"}],
    "ApiErrors": [{"Status": one} for one in ("500", "502", "503", "504")],
}
# What AWS counts, once per table and queue.
OF_AWS: dict[str, tuple[str, set[str]]] = {
    "StateMachineFailed": (STATES, {"ExecutionsFailed", "ExecutionsTimedOut"}),
    "Throttled": (DYNAMO, {"ReadThrottleEvents", "WriteThrottleEvents"}),
    "DeadLetters": (SQS, {"ApproximateNumberOfMessagesVisible"}),
}
SUPERVISED = {
    "Throttled": resources("AWS::DynamoDB::Table"),
    "DeadLetters": [one for one in resources("AWS::SQS::Queue") if one.endswith("DeadLetters")],
}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
each_alarm = pytest.mark.parametrize("logical_id", ALARMS)


def _name(logical_id: str) -> str:
    return str(properties(logical_id)["AlarmName"]["Fn::Sub"]).removeprefix("${AWS::StackName}-")


def _number(value: Any) -> float:
    """A number; a parameter counts with its default."""
    return float(parameters()[value["Ref"]]["Default"] if isinstance(value, dict) else value)


def _read_by(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of an alarm, each with its statistic and seconds."""
    if "MetricName" in alarm:
        yield alarm
    for one in alarm.get("Metrics", []):
        if "MetricStat" in one:
            stat = one["MetricStat"]
            yield stat["Metric"] | {"Statistic": stat["Stat"], "Period": stat["Period"]}


def _words(metric: dict[str, Any]) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in metric["Dimensions"]}


def _by_name(name: str) -> dict[str, Any]:
    (found,) = [properties(one) for one in ALARMS if _name(one) == name]
    return found


def _widgets() -> list[dict[str, Any]]:
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def _drawn() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Namespace, metric and dimensions of every line of every diagram."""
    for widget in _widgets():
        for line in widget["properties"].get("metrics", []):
            if isinstance(line[0], dict):
                expression = line[0]["expression"]
                (words,) = re.findall(r"\{([^}]+)\} MetricName", expression)
                (metric,) = re.findall(r'MetricName="(\w+)"', expression)
                space, *dimensions = words.split(",")
                yield space, metric, tuple(dimensions)
            else:
                space, metric, *rest = [one for one in line if not isinstance(one, dict)]
                yield space, metric, tuple(rest[::2])


def _sets(metric: str) -> list[list[str]]:
    """Every dimension set under which this metric can be found."""
    own = METRICS[metric]
    full = dict.fromkeys(own.dimensions, "x")
    part = {name: "x" for name in own.dimensions if name not in own.optional}
    return [*own.sets(full), *own.sets(part)]


def test_there_is_every_alarm_of_the_contract_and_each_table_and_queue_is_watched() -> None:
    """6.2."""
    names = {_name(one) for one in ALARMS}
    machinery = {f"{kind}-{one}" for kind, every in SUPERVISED.items() for one in every}
    assert names == {*CONTRACT, "StateMachineFailed", *machinery}


@pytest.mark.parametrize("name", CONTRACT)
def test_an_alarm_rings_when_the_contract_says(name: str) -> None:
    """6.2, N-65: asserted on the text; the emulator evaluates none."""
    metric, statistic, comparison, threshold, seconds, periods, topic = CONTRACT[name]
    alarm = _by_name(name)
    found = list(_read_by(alarm))
    assert {one["MetricName"] for one in found} == {metric}
    assert {one["Statistic"] for one in found} == {statistic}
    assert {one["Period"] for one in found} == {seconds}
    assert (alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) == (comparison, periods)
    assert _number(alarm["Threshold"]) == threshold
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


@each_alarm
def test_what_is_missing_is_fine_except_for_sweeps(logical_id: str) -> None:
    """6.2: a sweep that says nothing does not run."""
    expected = "breaching" if "Missing" in _name(logical_id) else "notBreaching"
    assert properties(logical_id)["TreatMissingData"] == expected


@each_alarm
def test_an_alarm_reads_what_is_emitted_under_exactly_these_dimensions(logical_id: str) -> None:
    """X-18: an alarm cannot search; one dimension too many, and it never rings."""
    for metric in _read_by(properties(logical_id)):
        if metric["Namespace"] == OURS:
            assert list(_words(metric)) in _sets(metric["MetricName"])
            assert _words(metric)["Deployment"] == {"Ref": "DeploymentId"}
        else:
            space, names = OF_AWS[_name(logical_id).split("-")[0]]
            assert (metric["Namespace"], metric["MetricName"] in names) == (space, True)


@each_alarm
def test_an_alarm_names_a_paragraph_of_the_page_for_whoever_is_called(logical_id: str) -> None:
    """6.2: at night nobody searches."""
    anchor = properties(logical_id)["AlarmDescription"].split("docs/operations.md#")[1]
    headings = re.findall(r"^### (.*)$", OPERATIONS, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings}
    assert anchor in slugs


@pytest.mark.parametrize("name", CONTRACT)
def test_an_alarm_reads_the_part_of_its_metric_that_the_contract_names(name: str) -> None:
    """6.2, X-18: of a provider's errors all but offers that are gone; of requests our failures."""
    read = [_words(one) for one in _read_by(_by_name(name))]
    of_ours = [{key: word for key, word in one.items() if key != "Deployment"} for one in read]
    assert of_ours == PART.get(name, [{}])


def test_alarms_of_a_provider_exist_only_while_it_is_rented_from() -> None:
    """A sweep that is not meant to run must not be missed."""
    conditions = {_name(one): resources()[one].get("Condition", "") for one in ALARMS}
    for provider in ("vastai", "tensordock"):
        condition = f"RentsFrom{provider.capitalize()}"
        assert conditions[f"ReconcileMissing-{provider}"] == condition
        assert conditions[f"ProviderApiDown-{provider}"] == f"AddsMetrics{condition}"
    assert template()["Conditions"]["RentsFromVastai"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "EnabledProviders"}, "tensordock"]}]
    }


@each_alarm
def test_only_alarms_that_add_are_left_out_of_the_emulator(logical_id: str) -> None:
    """N-65: it refuses metric math; the template stays the same."""
    adds = "Metrics" in properties(logical_id)
    assert resources()[logical_id].get("Condition", "").startswith("AddsMetrics") is adds


def test_every_line_of_the_dashboard_is_emitted_under_these_dimensions() -> None:
    """6.4."""
    for space, metric, dimensions in _drawn():
        if space == OURS:
            assert list(dimensions) in _sets(metric), metric


def test_what_is_spent_is_shown_by_the_hour() -> None:
    """6.4, row 1: it is booked every five minutes, which says little minute by minute."""
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    (search,) = re.findall(r"SEARCH\('[^']*CostAccrued[^']*', '(\w+)', (\d+)\)", body)
    assert search == ("Sum", "3600")


def test_every_metric_is_shown_in_a_diagram() -> None:
    """6.4: what nobody can see need not be counted."""
    shown = {metric for space, metric, _ in _drawn() if space == OURS}
    assert set(METRICS) - shown == set()


def test_the_dashboard_has_its_rows_and_nothing_lies_over_anything() -> None:
    """6.4: the contract's eight, and what we ourselves use."""
    widgets = _widgets()
    headings = [one for one in widgets if one["type"] == "text"]
    assert [one["properties"]["markdown"][3] for one in headings] == list("123456789")
    cells = [
        (x, y)
        for one in widgets
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert all(low["y"] < high["y"] for low, high in pairwise(headings))


def test_the_dashboard_shows_the_state_of_every_alarm() -> None:
    """6.4, row 8."""
    (states,) = [one for one in _widgets() if one["type"] == "alarm"]
    shown = [one.split(":alarm:${AWS::StackName}-")[1] for one in states["properties"]["alarms"]]
    assert sorted(shown) == sorted(_name(one) for one in ALARMS)


def test_what_aws_is_paid_for_is_shown_of_everything_that_there_is() -> None:
    """Row 9: a function, table or log group that nobody sees may cost for years."""
    shown = {(space, metric) for space, metric, _ in _drawn()}
    assert shown >= {
        ("AWS/Lambda", "Duration"),
        (DYNAMO, "ConsumedReadCapacityUnits"),
        (DYNAMO, "ConsumedWriteCapacityUnits"),
        (STATES, "ExecutionsStarted"),
        ("AWS/ApiGateway", "Count"),
        ("AWS/Logs", "IncomingBytes"),
    }
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    for kind in ("AWS::Serverless::Function", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup"):
        assert [one for one in resources(kind) if f"${{{one}}}" not in body] == []


def test_what_the_dashboard_refers_to_is_in_the_template() -> None:
    body = properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    named = {one.split(".")[0] for one in re.findall(r"\$\{(\w+(?:\.\w+)?)\}", body)}
    assert named - set(resources()) - set(parameters()) == set()


@pytest.mark.parametrize("severity", ["Alerts", "Notices"])
def test_a_topic_is_subscribed_to_by_parameters_that_may_be_empty(severity: str) -> None:
    """6.2: both topics."""
    topic = {"Ref": f"{severity}Topic"}
    for kind, protocol, parameter in (("Mail", "email", "Email"), ("Post", "https", "Url")):
        subscription = resources()[f"{severity}{kind}"]
        given = {"Ref": f"{severity}{parameter}"}
        wanted = {"TopicArn": topic, "Protocol": protocol, "Endpoint": given}
        assert subscription["Properties"] == wanted
        condition = template()["Conditions"][subscription["Condition"]]
        assert condition == {"Fn::Not": [{"Fn::Equals": [given, ""]}]}
        assert parameters()[f"{severity}{parameter}"]["Default"] == ""
