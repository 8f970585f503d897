"""What a table in memory holds: items by key, indexes, and who is told of each write."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, Words, holds
from tests.simulation.updates import updated

type Key = tuple[str, str]
type Watch = Callable[[Item | None, Item | None], None]
"""Told of each write: the item before and after it."""

NO_WORDS: Words = ({}, {})


class ConditionalCheckFailedException(ClientError):
    """The condition of a single write did not hold."""


def failure(operation: str, code: str, **more: Any) -> ClientError:
    """The error of that code, as botocore raises it."""
    response: Any = {"Error": {"Code": code, "Message": f"{operation}: {code}"}, **more}
    conditional = code == "ConditionalCheckFailedException"
    return (ConditionalCheckFailedException if conditional else ClientError)(response, operation)


def invalid(operation: str) -> ClientError:
    """The error of a request that DynamoDB does not understand."""
    return failure(operation, "ValidationException")


class Row(dict[str, Any]):
    """An item as it is stored and read, by everybody; a write puts another in its place.

    `decoded` is what its first reader made of it.
    """

    __slots__ = ("decoded",)

    def __init__(self, attributes: Item) -> None:
        super().__init__(attributes)
        self.decoded: Any = None

    def _refuse(self, *_given: Any, **_more: Any) -> Any:
        raise TypeError("an item that was read is changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


@dataclass
class Rows:
    """The items of one table, shared by every function that uses it.

    `whole` are the indexes that hold whole items, the others hold keys. `page_items` cuts queries
    into pages; DynamoDB does so at 1 MB.
    """

    name: str
    indexes: Mapping[str, tuple[str, str]]
    whole: frozenset[str] = frozenset()
    items: dict[str, dict[str, Row]] = field(default_factory=dict)
    order: dict[str, list[str]] = field(default_factory=dict)
    indexed: dict[str, dict[Key, Key]] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)
    page_items: int | None = None

    def get(self, key: Key) -> Row | None:
        """The item itself."""
        part = self.items.get(key[0])
        return part.get(key[1]) if part else None

    def partition(self, pk: str) -> list[Row]:
        """The items of one partition, in order of the sort key."""
        part = self.items.get(pk, {})
        return [part[sk] for sk in self.order.get(pk, [])]

    def index(self, name: str, value: str) -> list[Item]:
        """What one partition of an index holds, in its order; not to be changed."""
        partition, sort = self.indexes[name]
        found = [
            self._whole(key)
            if name in self.whole
            else {"pk": key[0], "sk": key[1], partition: entry[0], sort: entry[1]}
            for key, entry in self.indexed.get(name, {}).items()
            if entry[0] == value
        ]
        return sorted(found, key=lambda item: (item[sort], item["pk"], item["sk"]))

    def _whole(self, key: Key) -> Item:
        return self.items[key[0]][key[1]]

    def put(self, key: Key, item: Item | None) -> None:
        """Write an item, or remove it."""
        part = self.items.setdefault(key[0], {})
        before = part.pop(key[1], None)
        if item is not None:
            item = part[key[1]] = Row(item)
        order = self.order.setdefault(key[0], [])
        if before is None and item is not None:
            insort(order, key[1])
        elif before is not None and item is None:
            order.remove(key[1])
        self._index(key, item)
        for watch in self.watches:
            watch(before, item)

    def _index(self, key: Key, item: Item | None) -> None:
        for name, (partition, sort) in self.indexes.items():
            entries = self.indexed.setdefault(name, {})
            if item is not None and partition in item and sort in item:
                entries[key] = (item[partition], item[sort])
            else:
                entries.pop(key, None)


def rows_of(definition: Mapping[str, Any]) -> Rows:
    """An empty table, as the arguments of `create_table` describe it."""
    schema = [one["AttributeName"] for one in definition["KeySchema"]]
    assert schema == ["pk", "sk"], "every table of ours has the keys pk and sk"
    indexes, whole = {}, set()
    for index in definition.get("GlobalSecondaryIndexes", []):
        projection = index["Projection"]["ProjectionType"]
        assert projection in ("KEYS_ONLY", "ALL"), "teach me other projections"
        if projection == "ALL":
            whole.add(index["IndexName"])
        partition, sort = (one["AttributeName"] for one in index["KeySchema"])
        indexes[index["IndexName"]] = (partition, sort)
    return Rows(definition["TableName"], indexes, frozenset(whole))


@dataclass(slots=True)
class Change:
    """One conditional write, not yet carried out; `after` None removes the item."""

    rows: Rows
    key: Key
    after: Item | None
    condition: ConditionBase | str | None = None
    words: Words = NO_WORDS
    expression: str | None = None
    """An update expression, carried out on what is there then."""

    def holds(self) -> bool:
        """Whether the item is as the condition wants it."""
        return holds(self.condition, self.rows.get(self.key) or {}, self.words)

    def carry_out(self) -> None:
        """Write."""
        after = self.after
        if self.expression is not None:
            before = self.rows.get(self.key) or {"pk": self.key[0], "sk": self.key[1]}
            after, _ = updated(self.expression, before, self.words)
        self.rows.put(self.key, after)


def key_of(operation: str, item: Mapping[str, Any]) -> Key:
    """The key of an item. Raises ValidationException without one."""
    pk, sk = item.get("pk"), item.get("sk")
    if not isinstance(pk, str) or not isinstance(sk, str) or not pk or not sk:
        raise invalid(operation)
    return pk, sk


def words_of(given: Mapping[str, Any]) -> Words:
    """The placeholders of a request, values as they are stored."""
    values = given.get("ExpressionAttributeValues") or {}
    names = given.get("ExpressionAttributeNames") or {}
    return names, {name: stored(one) for name, one in values.items()}


def stored(value: Any) -> Any:
    """A copy of `value` as boto3 gives it back. Raises TypeError for a float, as boto3 does."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return Decimal(value)
    if kind is dict:
        return {name: stored(one) for name, one in value.items()}
    if kind is list:
        return [stored(one) for one in value]
    if isinstance(value, float):
        raise TypeError("Float types are not supported. Use Decimal types instead.")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal | int):
        return Decimal(value)
    raise NotImplementedError(f"{kind}: teach tests/simulation/rows.py")
