"""DynamoDB's update expressions, in memory: SET, ADD and REMOVE of whole attributes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

from tests.simulation.expressions import (
    Item,
    Malformed,
    Reader,
    Words,
    is_missing,
    name_of,
    operand,
)

type Value = Callable[[Item, Words], Any]
type Change = tuple[str, str, Value | None]
"""Clause, token of the attribute, and what gives the new value."""

_CLAUSES = ("SET", "ADD", "REMOVE")


def updated(expression: str, item: Item, words: Words) -> tuple[Item, list[str]]:
    """`item` after the update, and the names that it wrote. Values are read from `item` as it was.

    Raises: Malformed when an attribute is written twice, or a missing one is read.
    """
    after, written = dict(item), []
    for clause, token, value in _changes(expression):
        name = name_of(token, words)
        if name in written:
            raise Malformed(f"{name} is written twice")
        written.append(name)
        if clause == "REMOVE":
            after.pop(name, None)
            continue
        assert value is not None
        new = value(item, words)
        after[name] = _added(item.get(name, Decimal(0)), new) if clause == "ADD" else _there(new)
    return after, written


def _there(value: Any) -> Any:
    if is_missing(value):
        raise Malformed("the item has no such attribute")
    return value


def _added(left: Any, right: Any) -> Decimal:
    if not isinstance(left, Decimal) or not isinstance(right, Decimal):
        raise Malformed("only numbers are added")
    return left + right


@cache
def _changes(expression: str) -> tuple[Change, ...]:
    reader = Reader(expression)
    changes: list[Change] = []
    while reader.next is not None:
        clause = reader.take().upper()
        if clause not in _CLAUSES:
            raise NotImplementedError(f"{clause}: teach tests/simulation/updates.py")
        changes.append(_change(clause, reader))
        while reader.skip(","):
            changes.append(_change(clause, reader))
    return tuple(changes)


def _change(clause: str, reader: Reader) -> Change:
    token = reader.take()
    if clause == "REMOVE":
        return clause, token, None
    if clause == "SET":
        reader.expect("=")
    return clause, token, _value(reader)


def _value(reader: Reader) -> Value:
    left = _term(reader)
    for sign, factor in (("+", 1), ("-", -1)):
        if reader.skip(sign):
            right = _term(reader)
            return lambda item, words: _added(
                _there(left(item, words)), factor * _there(right(item, words))
            )
    return left


def _term(reader: Reader) -> Value:
    token = reader.take()
    if reader.next != "(":
        return operand(token)
    if token != "if_not_exists":
        raise NotImplementedError(f"{token}: teach tests/simulation/updates.py")
    reader.expect("(")
    found = operand(reader.take())
    reader.expect(",")
    otherwise = operand(reader.take())
    reader.expect(")")

    def value(item: Item, words: Words) -> Any:
        seen = found(item, words)
        return otherwise(item, words) if is_missing(seen) else seen

    return value
