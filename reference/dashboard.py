"""The dashboard, as the template has it: rows from money at risk to what we ourselves cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from reference.alarms import alarms
from reference.machinery import GATEWAY, machinery, paid
from reference.widgets import PERIOD_S, Row, Widget, aws, each, percentiles, whole

COLUMNS = 24
WIDGET_HEIGHT = 6
HOUR_S = 3_600
HERE = "${AWS::Region}"


def rows() -> Iterator[Row]:
    """All diagrams, by how soon somebody should look at them."""
    yield Row("Money at risk", tuple(_money()))
    yield Row("Sessions", (*_sessions(), *_agents()))
    yield Row("Verification", tuple(_verification()))
    yield Row("Providers", tuple(_providers()))
    yield Row("Inventory", tuple(_inventory()))
    yield Row("API", tuple(_api()))
    yield Row("Machinery", tuple(machinery()))


def _money() -> Iterator[Widget]:
    yield Widget("Sessions now", (each("SessionsActive", "Provider", "Status", stat="Maximum"),))
    yield Widget(
        "Oldest stopping session",
        (each("StoppingAgeMax", "Provider", stat="Maximum"),),
        "Seconds",
    )
    orphans = ("OrphansDetected", "OrphansDestroyed", "OrphansHeldBack", "GhostsDetected")
    yield Widget(
        "Orphans and ghosts", tuple(whole(one) for one in (*orphans, "ReconciliationMismatches"))
    )
    spent = each("CostAccrued", "Provider", period_s=HOUR_S)
    yield Widget("Dollars spent, by hour", (spent,), stacked=True)
    ends = ("DestroyFailures", "HardMaxEnforced", "HardStops")
    late = whole("ExpiredRunning", "Maximum")
    yield Widget("Ends that fail or come late", (*(whole(one) for one in ends), late))


def _sessions() -> Iterator[Widget]:
    names = ("SessionsCreated", "InstancesLaunched", "InstancesAdopted", "InstancesDestroyed")
    yield Widget("Created, launched, destroyed", tuple(whole(one) for one in names))
    yield Widget("Ended, by reason", (each("SessionsEnded", "Provider", "Reason"),), stacked=True)
    yield Widget("Time to ready", percentiles("ProvisioningDuration", "p50", "p95"), "Seconds")
    again = (
        each("RetryAttempts", "Provider", "Scope", "Reason"),
        whole("RetrySuccesses"),
        whole("RetriesExhausted"),
    )
    yield Widget("Retries", again)


def _agents() -> Iterator[Widget]:
    ended = tuple(whole(one) for one in ("IdleShutdowns", "HeartbeatTimeouts", "AgentOutages"))
    yield Widget("Idle and silent sessions", ended)
    silent = whole("HeartbeatAgeMax", "Maximum", "longest silence")
    yield Widget("Silence of agents", (silent,), "Seconds")


def _verification() -> Iterator[Widget]:
    ssh, api = "SshVerifyDuration", "ApiVerifyDuration"
    stats = ("p50", "p95")
    lines = (*percentiles(ssh, *stats, of="SSH"), *percentiles(api, *stats, of="HTTP"))
    yield Widget("Launch to first answer", lines, "Seconds")
    polls = (whole("SshVerifyAttempts", "Average", "polls"),)
    yield Widget("Polls until the first login", polls)
    failures = (
        each("SshVerifyFailures", "Provider", "Reason"),
        whole("ApiVerifyFailures"),
        whole("HostKeyChanges"),
    )
    yield Widget("Attempts that nobody could log in to", failures)
    yield Widget("Failed logins, by kind", (each("SshVerifyErrors", "Provider", "ErrorType"),))
    disk = (whole("SessionDiskAvailable", "Minimum", "least"),)
    yield Widget("Free disk of machines", disk, "Gigabytes")


def _providers() -> Iterator[Widget]:
    calls = each("ProviderCalls", "Provider", "Operation", "Result")
    yield Widget("Calls, by result", (calls,), stacked=True)
    yield Widget("Latency", percentiles("ProviderLatency", "p50", "p95", "p99"), "Milliseconds")
    errors = (each("ProviderErrors", "Provider", "ErrorType"), whole("UnknownProviderStatus"))
    yield Widget("Errors, by kind", errors)
    circuit = each("CircuitState", "Provider", stat="Maximum")
    yield Widget("Circuit: 0 closed, 1 half-open, 2 open", (circuit,))
    yield Widget("Balance in dollars", (each("ProviderBalance", "Provider", stat="Minimum"),))
    drift = each("ChargesDrift", "Provider", stat="Maximum")
    unknown = whole("ChargesUnknown", "Maximum", "sessions unknown")
    yield Widget("Charges beside the ledger: percent apart", (drift, unknown))


def _inventory() -> Iterator[Widget]:
    yield Widget("Offers", (each("OffersAvailable", "Provider", stat="Maximum"),))
    age = each("SnapshotAge", "Provider", stat="Maximum")
    yield Widget("Age of the offers", (age,), "Seconds")
    kinds = each("OfferFailures", "Provider", "GpuType", "FailureType")
    yield Widget("Failures of offers", (kinds,))
    yield Widget("Price history that was not written", (whole("PriceHistoryFailures"),))


def _api() -> Iterator[Widget]:
    yield Widget("Requests, by status", (each("HttpRequests", "Status"),), stacked=True)
    yield Widget("Latency", percentiles("HttpLatency", "p50", "p99"), "Milliseconds")
    refused = (each("AuthFailures", "Reason"), whole("HttpRequests", label="429", Status="429"))
    yield Widget("Refused: no key, no right, too fast", refused)
    yield Widget(
        "What the gateway answered",
        tuple(
            aws("AWS/ApiGateway", one, "Sum", one, **GATEWAY) for one in ("4XXError", "5XXError")
        ),
    )


def text() -> str:
    """Its part of the template: one line of JSON for each diagram."""
    lines = [
        "  # What to look at first, in one page; `make dashboard` draws it from a local run.",
        "  Dashboard:",
        "    Type: AWS::CloudWatch::Dashboard",
        "    Properties:",
        "      DashboardName: !Sub ${AWS::StackName}",
        "      DashboardBody: !Sub |",
    ]
    body = ",\n".join(json.dumps(one, separators=(",", ":")) for one in _placed())
    written = f'{{"widgets":[\n{body}\n]}}'
    return "\n".join([*lines, *(f"        {line}" for line in written.splitlines()), ""])


def _placed() -> Iterator[dict[str, Any]]:
    top = 0
    for number, row in enumerate(rows(), 1):
        yield from _row(top, number, row)
        top += 1 + WIDGET_HEIGHT
    yield from _states(top)
    yield from _row(top + 1 + WIDGET_HEIGHT, 9, Row("What the control plane uses", tuple(paid())))


def _row(top: int, number: int, row: Row) -> Iterator[dict[str, Any]]:
    yield _heading(top, f"{number}. {row.title}")
    edges = [place * COLUMNS // len(row.widgets) for place in range(len(row.widgets) + 1)]
    for widget, (left, right) in zip(row.widgets, pairwise(edges), strict=True):
        yield _diagram(widget, left, top + 1, right - left)


def _states(top: int) -> Iterator[dict[str, Any]]:
    yield _heading(top, "8. Budgets, webhooks and alarms")
    quarter = COLUMNS // 4
    for place, widget in enumerate(_budgets()):
        yield _diagram(widget, place * quarter, top + 1, quarter)
    states = {"title": "State of all alarms", "alarms": [_arn(one.name) for one in alarms()]}
    where = _place(COLUMNS // 2, top + 1, COLUMNS // 2, WIDGET_HEIGHT)
    yield {"type": "alarm", **where, "properties": states}


def _budgets() -> Iterator[Widget]:
    yield Widget("Budgets", (each("BudgetAlerts", "AlertType"), whole("BudgetRefusals")))
    yield Widget("Messages to webhooks", (each("WebhookDeliveries", "Result"),), stacked=True)


def _heading(top: int, title: str) -> dict[str, Any]:
    words = {"markdown": f"## {title}"}
    return {"type": "text", **_place(0, top, COLUMNS, 1), "properties": words}


def _diagram(widget: Widget, left: int, top: int, width: int) -> dict[str, Any]:
    look: dict[str, Any] = {
        "title": widget.title,
        "view": "timeSeries",
        "stacked": widget.stacked,
        "region": HERE,
        "period": PERIOD_S,
        "metrics": list(widget.lines),
    }
    if widget.unit:
        look["yAxis"] = {"left": {"label": widget.unit, "showUnits": False, "min": 0}}
    return {"type": "metric", **_place(left, top, width, WIDGET_HEIGHT), "properties": look}


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "width": width, "height": height}


def _arn(name: str) -> str:
    """Written out: an alarm that this stack does not have could not be referred to."""
    place = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}"
    return f"{place}:alarm:${{AWS::StackName}}-{name}"
