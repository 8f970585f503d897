"""Tables in memory with DynamoDB's conditional semantics: fast enough for thousands of runs.

`test_tables.py` holds every operation against moto's. What the store does not use is not here, and
says so when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.conditions import ConditionBase
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, Malformed, holds
from tests.simulation.queries import after, page, parts
from tests.simulation.rows import (
    NO_WORDS,
    Change,
    ConditionalCheckFailedException,
    Rows,
    failure,
    invalid,
    key_of,
    stored,
    words_of,
)
from tests.simulation.updates import updated

type Around = Callable[[str, Callable[[], Any]], Any]
"""Carries an operation out: a run of the simulation puts time, faults and crashes around it."""

MAX_BATCH = 100


def _at_once(_operation: str, effect: Callable[[], Any]) -> Any:
    return effect()


class _Exceptions:
    ConditionalCheckFailedException = ConditionalCheckFailedException
    ClientError = ClientError


class MemoryClient:
    """The calls that the store sends to a table's client."""

    exceptions = _Exceptions

    def __init__(self, tables: Mapping[str, Rows], around: Around = _at_once) -> None:
        self.tables = tables
        self._around = around

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        """All of the writes, or none."""
        changes = [_change(self.tables, *_only(action)) for action in TransactItems]
        if len(changes) > MAX_BATCH or len({(c.rows.name, c.key) for c in changes}) < len(changes):
            raise invalid("TransactWriteItems")

        def effect() -> dict[str, Any]:
            reasons = [
                {"Code": "None" if change.holds() else "ConditionalCheckFailed"}
                for change in changes
            ]
            if any(reason["Code"] != "None" for reason in reasons):
                code = "TransactionCanceledException"
                raise failure("TransactWriteItems", code, CancellationReasons=reasons)
            for change in changes:
                change.carry_out()
            return {}

        return dict(self._around("transact_write_items", effect))

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """The items that exist."""
        keys = {
            name: [key_of("BatchGetItem", key) for key in asked["Keys"]]
            for name, asked in RequestItems.items()
        }
        for asked in keys.values():
            if not 0 < len(asked) <= MAX_BATCH or len(set(asked)) < len(asked):
                raise invalid("BatchGetItem")

        def effect() -> dict[str, Any]:
            found = {
                name: [item for key in asked if (item := self.tables[name].get(key))]
                for name, asked in keys.items()
            }
            return {"Responses": found, "UnprocessedKeys": {}}

        return dict(self._around("batch_get_item", effect))


def _only(action: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((kind, request),) = action.items()
    return kind, request


def _change(tables: Mapping[str, Rows], kind: str, request: dict[str, Any]) -> Change:
    rows, words = tables[request["TableName"]], words_of(request)
    condition = request.get("ConditionExpression")
    match kind:
        case "Put":
            after = stored(request["Item"])
            return Change(rows, key_of("TransactWriteItems", after), after, condition, words)
        case "Delete" | "ConditionCheck":
            key = key_of("TransactWriteItems", request["Key"])
            after = rows.get(key) if kind == "ConditionCheck" else None
            return Change(rows, key, after, condition, words)
        case "Update":
            key, expression = (
                key_of("TransactWriteItems", request["Key"]),
                request["UpdateExpression"],
            )
            return Change(rows, key, None, condition, words, expression)
    raise NotImplementedError(f"{kind} in a transaction: teach tests/simulation/tables.py")


class _BatchWriter:
    """Puts that are sent together in the end, without conditions."""

    def __init__(self, rows: Rows, around: Around) -> None:
        self._rows, self._around = rows, around
        self._puts: list[Change] = []

    def __enter__(self) -> _BatchWriter:
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if kind is None and self._puts:
            self._around("batch_write_item", self._carry_out)

    def put_item(self, Item: Item) -> None:
        """See boto3."""
        after = stored(Item)
        self._puts.append(Change(self._rows, key_of("BatchWriteItem", after), after))

    def _carry_out(self) -> None:
        for change in self._puts:
            change.carry_out()


class _Meta:
    def __init__(self, client: MemoryClient) -> None:
        self.client = client


class MemoryTable:
    """One function's view of a table: boto3's `Table`, as far as the store knows it.

    `others` are the tables that its transactions may write besides.
    """

    def __init__(
        self, rows: Rows, around: Around = _at_once, others: Mapping[str, Rows] | None = None
    ) -> None:
        self.rows = rows
        self.name = rows.name
        self._around = around
        self.meta = _Meta(MemoryClient({**(others or {}), rows.name: rows}, around))

    def get_item(self, *, Key: Item, ConsistentRead: bool = False) -> dict[str, Any]:
        """See boto3."""
        key = key_of("GetItem", Key)

        def effect() -> dict[str, Any]:
            found = self.rows.get(key)
            return {} if found is None else {"Item": found}

        return dict(self._around("get_item", effect))

    def put_item(
        self, *, Item: Item, ConditionExpression: ConditionBase | None = None
    ) -> dict[str, Any]:
        """See boto3."""
        after = stored(Item)
        change = Change(self.rows, key_of("PutItem", after), after, ConditionExpression)
        return dict(self._around("put_item", lambda: _written("PutItem", change)))

    def delete_item(
        self, *, Key: Item, ConditionExpression: ConditionBase | None = None
    ) -> dict[str, Any]:
        """See boto3."""
        change = Change(self.rows, key_of("DeleteItem", Key), None, ConditionExpression)
        return dict(self._around("delete_item", lambda: _written("DeleteItem", change)))

    def batch_writer(self) -> _BatchWriter:
        """See boto3."""
        return _BatchWriter(self.rows, self._around)

    def update_item(
        self,
        *,
        Key: Item,
        UpdateExpression: str,
        ConditionExpression: ConditionBase | str | None = None,
        ReturnValues: str = "NONE",
        ReturnValuesOnConditionCheckFailure: str = "NONE",
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """See boto3."""
        given = {
            "ExpressionAttributeNames": ExpressionAttributeNames,
            "ExpressionAttributeValues": ExpressionAttributeValues,
        }
        key = key_of("UpdateItem", Key)
        change = Change(self.rows, key, None, ConditionExpression, words_of(given))
        tells_old = ReturnValuesOnConditionCheckFailure == "ALL_OLD"

        def effect() -> dict[str, Any]:
            _check(change, tells_old)
            return _updated(change, UpdateExpression, ReturnValues)

        return dict(self._around("update_item", effect))

    def query(
        self,
        *,
        KeyConditionExpression: ConditionBase,
        IndexName: str | None = None,
        FilterExpression: ConditionBase | None = None,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
        ConsistentRead: bool = False,
    ) -> dict[str, Any]:
        """See boto3."""
        if IndexName is not None and ConsistentRead:
            raise invalid("Query")
        value, rest = parts(KeyConditionExpression)

        def effect() -> dict[str, Any]:
            index = IndexName
            found = self.rows.index(index, value) if index else self.rows.partition(value)
            found = [item for item in found if holds(rest, item, NO_WORDS)]
            if not ScanIndexForward:
                found.reverse()
            if ExclusiveStartKey is not None:
                found = after(found, ExclusiveStartKey, self.rows, index, ScanIndexForward)
            return page(self.rows, found, index, FilterExpression, Limit)

        return dict(self._around("query", effect))


def _written(operation: str, change: Change) -> dict[str, Any]:
    if not change.holds():
        raise failure(operation, "ConditionalCheckFailedException")
    change.carry_out()
    return {}


def _check(change: Change, tells_old: bool) -> None:
    if change.holds():
        return
    before, serialize = change.rows.get(change.key), TypeSerializer().serialize
    more: Any = {}
    if tells_old and before is not None:
        more = {"Item": {name: serialize(value) for name, value in before.items()}}
    raise failure("UpdateItem", "ConditionalCheckFailedException", **more)


def _updated(change: Change, expression: str, wanted: str) -> dict[str, Any]:
    before = change.rows.get(change.key) or {"pk": change.key[0], "sk": change.key[1]}
    try:
        after, written = updated(expression, before, change.words)
    except Malformed as exc:
        raise invalid("UpdateItem") from exc
    if "pk" in written or "sk" in written:
        raise invalid("UpdateItem")
    change.rows.put(change.key, after)
    match wanted:
        case "NONE":
            return {}
        case "ALL_NEW":
            return {"Attributes": change.rows.get(change.key)}
        case "UPDATED_NEW":
            return {"Attributes": {name: after[name] for name in written if name in after}}
        case "UPDATED_OLD":
            old = {name: before[name] for name in written if name in before}
            return {"Attributes": old} if old else {}
    raise NotImplementedError(f"ReturnValues {wanted}: teach tests/simulation/tables.py")
