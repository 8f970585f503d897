"""What AWS itself recorded of a run: executions and logs."""

from __future__ import annotations

import json
from typing import Any

from local import aws
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row


def executions(live: Deployed) -> list[Row]:
    """Every execution of both state machines: name, status, executionArn."""
    states = aws.client("stepfunctions", live.endpoints.emulator_url)
    found: list[Row] = []
    for machine in states.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=arn):
            found += page["executions"]
    return found


def executions_of(live: Deployed, session_id: str, purpose: str = "") -> list[Row]:
    """The executions of one session, or those of one purpose: provision, teardown."""
    wanted = f"{session_id}-{purpose}"
    return [one for one in executions(live) if one["name"].startswith(wanted)]


def timers_of(live: Deployed, session_id: str) -> list[Row]:
    """The schedules that would end this session at its hard max, with their targets."""
    client = aws.client("scheduler", live.endpoints.emulator_url)
    found = client.list_schedules(NamePrefix=session_id)["Schedules"]
    return [client.get_schedule(Name=one["Name"], GroupName=one["GroupName"]) for one in found]


def log_lines(live: Deployed) -> list[str]:
    """Everything that the functions and the gateway logged, as it was written."""
    logs = aws.client("logs", live.endpoints.emulator_url)
    lines: list[str] = []
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        lines += [event["message"] for page in pages for event in page["events"]]
    return lines


def entries(live: Deployed, **wanted: Any) -> list[Row]:
    """Log lines of our own that have these fields."""
    rows = (_parsed(line) for line in log_lines(live))
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def audit(live: Deployed, session_id: str, operation: str) -> list[Row]:
    """The audit lines of one session about one kind of fact."""
    return entries(live, audit=True, session_id=session_id, operation=operation)


def events(live: Deployed, session_id: str) -> list[Row]:
    """The stored events of one session, page by page."""
    found: list[Row] = []
    more: dict[str, str] = {}
    while True:
        page = live.operator.get("/api/v1/audit", session_id=session_id, limit=3, **more)
        found += page["events"]
        if "next_cursor" not in page:
            return found
        more = {"cursor": page["next_cursor"]}


def counted(live: Deployed, metric: str, session_id: str) -> float:
    """How far this metric moved for one session, by its EMF lines."""
    rows = entries(live, session_id=session_id)
    return sum(float(row[metric]) for row in rows if "_aws" in row and metric in row)


def _parsed(line: str) -> Row:
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
