"""What AWS itself recorded of a run: executions and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from local import aws
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row

LOG_PAGE = 10_000


def executions(live: Deployed, *kinds: str) -> list[Row]:
    """Every execution of the state machines of these kinds, or of all: name, status, executionArn.

    AWS lists no executions of EXPRESS machines; the emulator does.
    """
    states = aws.client("stepfunctions", live.endpoints.emulator_url)
    found: list[Row] = []
    for machine in states.list_state_machines()["stateMachines"]:
        if kinds and machine["type"] not in kinds:
            continue
        arn = machine["stateMachineArn"]
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=arn):
            found += page["executions"]
    return found


def executions_of(live: Deployed, session_id: str, purpose: str = "") -> list[Row]:
    """The executions of one session, or those of one purpose: provision, teardown; no rounds."""
    wanted = f"{session_id}-{purpose}"
    return [one for one in executions(live, "STANDARD") if one["name"].startswith(wanted)]


def timers_of(live: Deployed, session_id: str) -> list[Row]:
    """The schedules that would end this session at its hard max, with their targets."""
    client = aws.client("scheduler", live.endpoints.emulator_url)
    found = client.list_schedules(NamePrefix=session_id)["Schedules"]
    return [client.get_schedule(Name=one["Name"], GroupName=one["GroupName"]) for one in found]


def log_lines(live: Deployed, containing: str = "") -> list[str]:
    """Everything that the functions and the gateway logged, as it was written; or some lines.

    The emulator takes what a function wrote late for part of its next run: wait for a line.
    """
    logs = aws.client("logs", live.endpoints.emulator_url)
    groups = [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]]
    pattern = f'"{containing}"' if containing else ""
    return [line for group in groups for line in _lines(logs, group, pattern)]


def _lines(logs: Any, group: str, pattern: str) -> Iterator[str]:
    """The emulator has no next page: the next question begins with the last instant again."""
    since, seen = 0, 0
    while True:
        asked = {"logGroupName": group, "filterPattern": pattern, "startTime": since}
        events = logs.filter_log_events(**asked)["events"]
        yield from (event["message"] for event in events[seen:])
        if len(events) < LOG_PAGE or events[-1]["timestamp"] == since:
            return
        since = events[-1]["timestamp"]
        seen = sum(event["timestamp"] == since for event in events)


def entries(live: Deployed, **wanted: Any) -> list[Row]:
    """Log lines of our own that have these fields."""
    rows = (_parsed(line) for line in log_lines(live, wanted.get("session_id", "")))
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
