"""The v1 list of instances: cursor, filters, order, columns, and the ways it can be untrue."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from simulator.faults.rules import Rule
from simulator.vastai.query import OPERATORS, make_test
from simulator.vastai.rows import docker_map

MAX_PAGE = 25
_SMALL_PAGE = 5  # what a limit of zero or less becomes
_COMPUTED = {"dph_total", "num_gpus", "search", "instance", "ports", "duration", "uptime_mins"}

Row = dict[str, Any]


class BadListing(Exception):
    """The list request is refused with 400: (error, msg)."""

    def __init__(self, name: str, msg: str) -> None:
        super().__init__(msg)
        self.name = name
        self.msg = msg


def page(rows: list[Row], query: Mapping[str, str], page_size: int) -> tuple[dict[str, Any], int]:
    """One page of the answer and its number (from 1). Raises BadListing."""
    limit = _limit(query.get("limit"), page_size)
    rows = _ordered(_filtered(rows, query.get("select_filters")), query.get("order_by"))
    start = _start(query.get("after_token"))
    part = rows[start : start + limit]
    following = start + limit < len(rows)
    answer = {
        "success": True,
        "instances_found": len(part),
        "total_instances": len(rows),
        "label_counts": dict(Counter(row["label"] or "" for row in rows)),
        "next_token": f"v1-{start + limit}" if following else None,
        "instances": [_selected(row, query.get("select_cols")) for row in part],
    }
    return answer, start // limit + 1


def _limit(text: str | None, page_size: int) -> int:
    if text is None:
        return page_size
    try:
        limit = int(text)
    except ValueError as exc:
        raise BadListing("invalid_request", "limit must be an integer") from exc
    if limit > MAX_PAGE:
        raise BadListing("invalid_request", f"limit must be at most {MAX_PAGE}")
    return min(limit if limit > 0 else _SMALL_PAGE, page_size)


def _start(token: str | None) -> int:
    if not token or token == "null":  # noqa: S105 - a page cursor, not a secret
        return 0
    if not token.startswith("v1-") or not token[3:].isdecimal():
        raise BadListing("invalid_token", "Invalid pagination token")
    return int(token[3:])


def _filtered(rows: list[Row], text: str | None) -> list[Row]:
    for name, condition in _parsed("select_filters", text, dict).items():
        if name in _COMPUTED or (rows and name not in rows[0]):
            msg = f"Error in query parameters: {name} is not a valid search key"
            raise BadListing("invalid_request", msg)
        for op, wanted in _condition(name, condition).items():
            sample = next((row[name] for row in rows if row[name] is not None), "")
            test = make_test(op, wanted, sample)
            rows = [row for row in rows if test(row[name])]
    return rows


def _condition(name: str, condition: Any) -> dict[str, Any]:
    if not isinstance(condition, dict) or not set(condition) <= OPERATORS:
        raise BadListing("invalid_request", f"{name}: Input should be an operator object")
    return condition


def _ordered(rows: list[Row], text: str | None) -> list[Row]:
    order = _parsed("order_by", text, list) or [{"col": "id", "dir": "asc"}]
    for part in reversed(order):
        if not isinstance(part, dict) or (rows and str(part.get("col")) not in rows[0]):
            raise BadListing("invalid_request", "order_by: not a valid column")
        column, down = str(part.get("col")), part.get("dir") == "desc"
        rows = sorted(rows, key=lambda row, c=column: _sortable(row[c]), reverse=down)
    return rows


def _sortable(value: Any) -> tuple[bool, str, Any]:
    return (value is not None, type(value).__name__, str(value) if value is None else value)


def _selected(row: Row, text: str | None) -> Row:
    columns = _parsed("select_cols", text, list)
    if not columns or "*" in columns:
        return row
    return {str(name): row.get(str(name)) for name in columns}


def _parsed(name: str, text: str | None, kind: type) -> Any:
    if not text:
        return kind()
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise BadListing("invalid_request", f"{name}: invalid JSON") from exc
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise BadListing("invalid_request", f"{name}: wrong type")
    return value


def bent_row(row: Row, rule: Rule) -> Row:
    """One row with what the fault does to it."""
    match rule.action:
        case "status_word":
            return row | {"actual_status": rule.params["word"]}
        case "no_port_forwards":
            return row | {"ports": {}, "direct_port_start": -1, "direct_port_end": -1}
        case "ip_missing":
            return row | {"public_ipaddr": None, "ssh_host": None}
        case "port_changes":
            return row | _moved(row, rule.fired)
        case _:
            return row


def _moved(row: Row, times: int) -> Row:
    if row["ssh_port"] is None:
        return {}
    port = 1024 + (row["ssh_port"] + times) % 60_000
    ports = row["ports"] | docker_map({22: port}) if row["ports"] else row["ports"]
    return {"ssh_port": port, "ports": ports}


def bent_answer(answer: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """The page with what the fault does to its frame."""
    match rule.action:
        case "list_bad_total":
            total = rule.params.get("total", answer["total_instances"] + 7)
            return answer | {"total_instances": total}
        case "list_loop":
            return answer | {"next_token": "v1-0"}
        case _:
            return answer
