"""What makes two operations on tables the same for what is tested: all but their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.conditions import AttributeBase, ConditionBase

type Kind = Any
"""Something to hash and compare."""

_DATA = re.compile(":.*|Items?|Attributes|Responses|.*Keys?")
"""What holds rows, keys and values; all else is words and switches."""


def kind_of(table: str, operation: str, given: Mapping[str, Any], told: tuple[str, Any]) -> Kind:
    """By table, words of the request, and which way it went."""
    way, said = told
    if way == "error":
        code, reasons, _ = said
        return table, operation, _words(given), code, frozenset(reasons)
    return table, operation, _words(given), _words(said)


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
