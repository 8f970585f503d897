"""What makes two operations on tables the same for what is tested: all but their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.conditions import AttributeBase, ConditionBase

type Kind = Any
"""Something to hash and compare."""

_ROWS = ("Item", "Items", "Attributes")


def kind_of(table: str, operation: str, given: Mapping[str, Any], told: Any) -> Kind:
    """By table, words of the request, and which way it went."""
    return table, operation, _shape(given), _outcome(*told)


def _outcome(way: str, said: Any) -> Kind:
    return (way, repr(said[:2])) if way == "error" else (way, _shape(said))


def _shape(value: Any, name: str = "") -> Kind:
    """Conditions, names and switches as they are; of all else the types."""
    if isinstance(value, ConditionBase | AttributeBase):
        return _shape_of_condition(value)
    if name in _ROWS:
        rows = value if isinstance(value, list) else [value]
        return frozenset(one for row in rows for one in _types(row))
    if isinstance(value, Mapping):
        return tuple(sorted((key, _shape(one, key)) for key, one in value.items()))
    if isinstance(value, list):
        return frozenset(_shape(one) for one in value)
    literal = isinstance(value, str) and name not in ("pk", "sk") and not name.startswith(":")
    return repr(value) if literal or isinstance(value, bool) else type(value).__name__


def _shape_of_condition(condition: Any) -> Kind:
    if isinstance(condition, AttributeBase):
        return condition.name
    if not isinstance(condition, ConditionBase):
        return type(condition).__name__
    told = condition.get_expression()
    return told["operator"], tuple(_shape_of_condition(one) for one in told["values"])


def _types(value: Any) -> frozenset[str]:
    """Of a row and of all that is in it."""
    inside = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | set)
        else ()
    )
    return frozenset({type(value).__name__}).union(*(_types(one) for one in inside))
