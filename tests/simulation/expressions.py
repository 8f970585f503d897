"""DynamoDB's expressions, evaluated in memory: only what the store uses, and loud about the rest.

Conditions come as boto3's objects or as text (transactions); updates always as text. Texts are
parsed once. `test_tables.py` compares every operation with moto's.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from boto3.dynamodb.conditions import AttributeBase, ConditionBase

type Item = dict[str, Any]
type Test = Callable[[Item], bool]
type Words = tuple[Mapping[str, str], Mapping[str, Any]]
"""Names by `#placeholder`, values by `:placeholder`."""

_MISSING = object()
_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOKEN = re.compile(r"\s*(#\w+|:\w+|[A-Za-z_]\w*|<=|>=|<>|[=<>(),+-])")


class Malformed(Exception):
    """DynamoDB refuses such a request as invalid."""


def holds(condition: Any, item: Item, words: Words) -> bool:
    """Whether `condition` (None: always) is true of `item` (empty: there is none)."""
    if condition is None:
        return True
    if isinstance(condition, ConditionBase):
        return _object_holds(condition, item)
    return _condition(str(condition))(item, words)


def _object_holds(condition: ConditionBase, item: Item) -> bool:
    built = condition.get_expression()
    word, values = built["operator"], built["values"]
    if word == "AND":
        return _object_holds(values[0], item) and _object_holds(values[1], item)
    if word == "OR":
        return _object_holds(values[0], item) or _object_holds(values[1], item)
    if word == "NOT":
        return not _object_holds(values[0], item)
    attribute, *given = values
    assert isinstance(attribute, AttributeBase), "only plain attributes are compared"
    return _applied(word, item.get(attribute.name, _MISSING), [_number(one) for one in given])


def _applied(word: str, found: Any, given: list[Any]) -> bool:
    if word == "attribute_exists":
        return found is not _MISSING
    if word == "attribute_not_exists":
        return found is _MISSING
    if word == "begins_with":
        return isinstance(found, str) and found.startswith(given[0])
    if word == "BETWEEN":
        return _compared(">=", found, given[0]) and _compared("<=", found, given[1])
    if word in _COMPARED:
        return _compared(word, found, given[0])
    raise NotImplementedError(f"condition {word}: teach tests/simulation/expressions.py")


def _compared(word: str, left: Any, right: Any) -> bool:
    """Values of different types, and missing ones, compare as false, but for being different."""
    if left is _MISSING or right is _MISSING or type(left) is not type(right):
        return word == "<>"
    return bool(_COMPARED[word](left, right))


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def tokens(text: str) -> list[str]:
    """The words and signs of an expression."""
    found = _TOKEN.findall(text)
    if "".join(found) != re.sub(r"\s+", "", text):
        raise NotImplementedError(f"expression {text!r}: teach tests/simulation/expressions.py")
    return found


class Reader:
    """A list of tokens, read from the left."""

    def __init__(self, text: str) -> None:
        self._left: Iterator[str] = iter(tokens(text))
        self.next: str | None = next(self._left, None)

    def take(self) -> str:
        """The next token. Raises Malformed at the end."""
        if self.next is None:
            raise Malformed("the expression ends too early")
        taken, self.next = self.next, next(self._left, None)
        return taken

    def skip(self, token: str) -> bool:
        """Take the next token if it is this one."""
        same = self.next is not None and self.next.upper() == token
        if same:
            self.take()
        return same

    def expect(self, token: str) -> None:
        """Take the next token, which must be this one."""
        if not self.skip(token):
            raise Malformed(f"{token} expected, {self.next} found")


def operand(token: str) -> Callable[[Item, Words], Any]:
    """What a placeholder or a bare name stands for."""
    if token.startswith(":"):
        return lambda _item, words: _number(_word(words[1], token))
    if token.startswith("#"):
        return lambda item, words: item.get(_word(words[0], token), _MISSING)
    return lambda item, _words: item.get(token, _MISSING)


def name_of(token: str, words: Words) -> str:
    """The attribute that a token names."""
    return str(_word(words[0], token)) if token.startswith("#") else token


def is_missing(value: Any) -> bool:
    """True for an attribute that the item does not have."""
    return value is _MISSING


def _word(words: Mapping[str, Any], token: str) -> Any:
    if token not in words:
        raise Malformed(f"{token} is not defined")
    return words[token]


type Node = Callable[[Item, Words], bool]


@cache
def _condition(text: str) -> Node:
    reader = Reader(text)
    node = _any_of(reader)
    if reader.next is not None:
        raise Malformed(f"{reader.next} is too much")
    return node


def _any_of(reader: Reader) -> Node:
    parts = [_all_of(reader)]
    while reader.skip("OR"):
        parts.append(_all_of(reader))
    return parts[0] if len(parts) == 1 else lambda item, words: any(p(item, words) for p in parts)


def _all_of(reader: Reader) -> Node:
    parts = [_one(reader)]
    while reader.skip("AND"):
        parts.append(_one(reader))
    return parts[0] if len(parts) == 1 else lambda item, words: all(p(item, words) for p in parts)


def _one(reader: Reader) -> Node:
    if reader.skip("NOT"):
        inner = _one(reader)
        return lambda item, words: not inner(item, words)
    if reader.skip("("):
        inner = _any_of(reader)
        reader.expect(")")
        return inner
    first = reader.take()
    if reader.next == "(":
        return _function(first, reader)
    left, word, right = operand(first), reader.take(), operand(reader.take())
    if word not in _COMPARED:
        raise NotImplementedError(f"comparison {word}: teach tests/simulation/expressions.py")
    return lambda item, words: _compared(word, left(item, words), right(item, words))


def _function(word: str, reader: Reader) -> Node:
    reader.expect("(")
    found = operand(reader.take())
    given = []
    while reader.skip(","):
        given.append(operand(reader.take()))
    reader.expect(")")
    return lambda item, words: _applied(
        word, found(item, words), [one(item, words) for one in given]
    )
