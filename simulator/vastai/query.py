"""Reads a search query (operators, texts as numbers, order, limit) and refuses bad ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from simulator.vastai import fields

MAX_ROWS = 64  # per response, whatever the limit says

Test = Callable[[Any], bool]

ALIASES = {
    "dphtotal": "dph_total",
    "dph": "dph_total",
    "gpu_totalram": "gpu_total_ram",
    "driver_version": "driver_vers",
    "cuda_vers": "cuda_max_good",
    "dlperf_usd": "dlperf_per_dphtotal",
    "flops_usd": "flops_per_dphtotal",
    "display_active": "gpu_display_active",
}
VIRTUAL = {"verified", "datacenter", "geolocation", "duration"}
COLUMNS = frozenset(fields.STATIC) | frozenset(fields.PER_QUERY)
TYPES = {"on-demand", "ondemand", "bid", "interruptible", "reserved"}
_PLAIN = {
    "order",
    "type",
    "limit",
    "allocated_storage",
    "disable_bundling",
    "extra_ids",
    "target_reliability",
    "template_id",
    "gpu_option",
    "show_incompatible",
    "sort_option",
}
# Written for (wanted, value): `value gt wanted` is `wanted lt value`.
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.lt,
    "gte": operator.le,
    "lt": operator.gt,
    "lte": operator.ge,
}
OPERATORS = {"eq", "neq", "in", "notin", *_COMPARE}


class BadQuery(Exception):
    """The query is refused with 400; the text is the `msg` of the body."""


@dataclass(frozen=True)
class Query:
    """A readable search: tests by column, order, and the disk the prices include."""

    tests: dict[str, list[tuple[str, Any]]]
    order: list[tuple[str, bool]]
    limit: int
    storage_gb: float
    bids: bool


def parse(raw: Any, *, strict: bool) -> Query:
    """Raises BadQuery for bare values, unknown operators, order columns and (strict) fields."""
    if not isinstance(raw, dict):
        raise BadQuery("q: Input should be a valid dictionary")
    tests: dict[str, list[tuple[str, Any]]] = {}
    for name, condition in raw.items():
        if name in _PLAIN or (name in ("has_avx", "external") and not isinstance(condition, dict)):
            continue
        column = _column(name, strict=strict)
        tests.setdefault(column, []).extend(_conditions(name, condition))
    return Query(
        tests=tests,
        order=_order(raw.get("order")),
        limit=_limit(raw.get("limit")),
        storage_gb=_storage(raw.get("allocated_storage")),
        bids=_type(raw.get("type")) in ("bid", "interruptible"),
    )


def _column(name: str, *, strict: bool) -> str:
    column = ALIASES.get(name, name)
    if strict and column not in COLUMNS and column not in VIRTUAL:
        raise BadQuery(f"q.{name}: Extra inputs are not permitted")
    return column


def _conditions(name: str, condition: Any) -> list[tuple[str, Any]]:
    if not isinstance(condition, dict):
        raise BadQuery(f"q.{name}: Input should be a valid dictionary; got {condition!r}")
    for op, value in condition.items():
        if op not in OPERATORS:
            raise BadQuery(f"q.{name}.{op}: Extra inputs are not permitted")
        if op in ("in", "notin") and not isinstance(value, list):
            raise BadQuery(f"q.{name}.{op}: Input should be a valid list")
    return list(condition.items())


def _order(raw: Any) -> list[tuple[str, bool]]:
    if raw is None:
        return [("score", True)]
    if not isinstance(raw, list):
        raise BadQuery("q.order: Input should be a valid list")
    flat = len(raw) == 2 and all(isinstance(part, str) for part in raw)
    return [_order_pair(pair) for pair in ([raw] if flat else raw)]


def _order_pair(pair: Any) -> tuple[str, bool]:
    if not isinstance(pair, list) or len(pair) != 2 or str(pair[1]).lower() not in ("asc", "desc"):
        raise BadQuery("q.order: Input should be a list of [column, 'asc' | 'desc']")
    column = ALIASES.get(str(pair[0]), str(pair[0]))
    if column not in COLUMNS:
        raise BadQuery(f"q.order: {pair[0]} is not a valid column")
    return column, str(pair[1]).lower() == "desc"


def _limit(raw: Any) -> int:
    if raw is None:
        return MAX_ROWS
    try:
        limit = int(raw)
    except (TypeError, ValueError) as exc:
        raise BadQuery("q.limit: Input should be a valid integer") from exc
    return max(0, min(limit, MAX_ROWS))


def _storage(raw: Any) -> float:
    if raw is None:
        return fields.DEFAULT_STORAGE_GB
    try:
        return float(raw)
    except (TypeError, ValueError) as exc:
        raise BadQuery("q.allocated_storage: Input should be a valid number") from exc


def _type(raw: Any) -> str:
    kind = "on-demand" if raw is None else raw
    if not isinstance(kind, str) or kind not in TYPES:
        raise BadQuery(f"q.type: Input should be one of {sorted(TYPES)}")
    return kind


def make_test(op: str, wanted: Any, sample: Any, *, holes: bool = True) -> Test:
    """A test of one column value; `sample` is a value of that column, for the coercion.

    `holes` says that the column may hold None, which no order comparison matches.
    """
    if op in ("in", "notin"):
        options = {
            _coerced(value, sample) for value in wanted if not isinstance(value, list | dict)
        }
        return options.__contains__ if op == "in" else (lambda v: v not in options)
    target = _coerced(wanted, sample)
    if op in ("eq", "neq"):
        return partial(operator.eq if op == "eq" else operator.ne, target)
    if _incomparable(target, sample):
        return lambda _v: False
    compare = partial(_COMPARE[op], target)
    return (lambda v: v is not None and compare(v)) if holes else compare


def _incomparable(target: Any, sample: Any) -> bool:
    strange = isinstance(target, list | dict | None)
    return strange or isinstance(target, str) != isinstance(sample, str)


def _coerced(value: Any, sample: Any) -> Any:
    if isinstance(value, str) and isinstance(sample, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    if isinstance(value, str) and isinstance(sample, int | float):
        return _number(value)
    return value


def _number(text: str) -> Any:
    if text.count(".") == 2 and text.replace(".", "").isdecimal():
        return fields.driver_number(text)
    try:
        return float(text)
    except ValueError:
        return text
