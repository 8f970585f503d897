"""What makes two operations on tables the same for what is tested: all but their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.conditions import AttributeBase, ConditionBase

from tests.simulation.rows import Rows

type Kind = Any
"""Something to hash and compare."""

_DATA = re.compile(":.*|Items?|Attributes|Responses|.*Keys?")
"""What holds rows, keys and values; all else is words and switches."""


def kind_of(table: str, operation: str, given: Mapping[str, Any], before: Kind) -> Kind:
    """By table, words of the request, and what is written over."""
    return table, operation, _words(given), before


def way_of(told: tuple[str, Any]) -> Kind:
    """Which way an operation went."""
    way, said = told
    if way == "error":
        code, reasons, _ = said
        return code, frozenset(reasons)
    return _words(said)


def written_over(tables: Mapping[str, Rows], table: str, given: Mapping[str, Any]) -> Kind:
    """The names in the rows that are there already, where an operation writes."""
    requests = [request for action in given.get("TransactItems", ()) for request in action.values()]
    if not requests and ("Item" in given or "Key" in given):
        requests = [{"TableName": table, **given}]
    return frozenset(_names(tables, request) for request in requests)


def _names(tables: Mapping[str, Rows], request: Mapping[str, Any]) -> Kind:
    key = request.get("Key") or request["Item"]
    row = tables[request["TableName"]].get((key.get("pk"), key.get("sk")))
    if row is None or "UpdateExpression" not in request:
        return row is not None
    return frozenset(row)


def _words(value: Any, name: str = "") -> Kind:
    """Words, conditions and switches as they are, but for their numbers; of data the types."""
    if _DATA.fullmatch(name):
        return _types(value)
    if isinstance(value, ConditionBase | AttributeBase):
        return _condition(value)
    if isinstance(value, Mapping):
        return frozenset((key, _words(one, key)) for key, one in value.items())
    if isinstance(value, list):
        return frozenset(_words(one) for one in value)
    words = isinstance(value, str | bool)
    return re.sub(r"\d+", "1", repr(value)) if words else type(value).__name__


def _condition(value: Any) -> Kind:
    """Operators and attributes, without what they are compared to."""
    if isinstance(value, AttributeBase):
        return value.name
    if not isinstance(value, ConditionBase):
        return type(value).__name__
    said = value.get_expression()
    return said["operator"], tuple(_condition(one) for one in said["values"])


def _types(value: Any) -> frozenset[str]:
    """Of a value and of all that is in it."""
    found = {type(value).__name__}
    inside = value.values() if isinstance(value, Mapping) else value
    if isinstance(inside, str | bytes) or not hasattr(inside, "__iter__"):
        return frozenset(found)
    return frozenset(found.union(*(_types(one) for one in inside)))
