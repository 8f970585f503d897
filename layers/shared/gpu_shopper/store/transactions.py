"""Items that change together: one all-or-nothing write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from botocore.exceptions import ClientError

from gpu_shopper.store.codec import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


_LOST = ("ConditionalCheckFailedException", "TransactionConflictException")
"""A single write loses to an earlier write, or to a transaction that is under way."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write `item` if `condition` holds for what is there now; `table` None is the main one."""

    item: Item
    condition: ConditionBase | None = None
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item under `key`; silent when there is none."""

    key: Item
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change the item under `key` by an update expression, if `condition` holds."""

    key: Item
    expression: str
    names: Mapping[str, str]
    values: Mapping[str, Any]
    condition: ConditionBase
    table: Table | None = None


type Action = Put | Delete | Update


class Cancelled(Exception):
    """Nothing was written. `failed` holds the positions whose condition did not hold."""

    def __init__(self, failed: frozenset[int]) -> None:
        super().__init__(f"conditions failed at {sorted(failed)}")
        self.failed = failed


def write_all(table: Table, actions: Sequence[Action]) -> None:
    """Write all of `actions`, or nothing; on `table` unless they say otherwise. Raises Cancelled.

    A single put on it is sent as one: it costs half of what a transaction does.
    """
    if len(actions) == 1 and isinstance(actions[0], Put):
        _put(actions[0].table or table, actions[0])
        return
    requests: Any = [_request(table.name, action) for action in actions]
    try:
        table.meta.client.transact_write_items(TransactItems=requests)
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        reasons: Any = exc.response.get("CancellationReasons", [])
        failed = [at for at, one in enumerate(reasons) if one.get("Code") not in (None, "None")]
        raise Cancelled(frozenset(failed)) from exc


def _put(table: Table, put: Put) -> None:
    condition: Any = {} if put.condition is None else {"ConditionExpression": put.condition}
    try:
        table.put_item(Item=put.item, **condition)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in _LOST:
            raise
        raise Cancelled(frozenset({0})) from exc


def _request(main_table: str, action: Action) -> dict[str, Any]:
    name = action.table.name if action.table else main_table
    if isinstance(action, Delete):
        return {"Delete": {"TableName": name, "Key": action.key}}
    if isinstance(action, Update):
        return {"Update": _update(name, action)}
    put: dict[str, Any] = {"TableName": name, "Item": action.item}
    if action.condition is not None:
        put |= _expression(action.condition)
    return {"Put": put}


def _update(table_name: str, update: Update) -> dict[str, Any]:
    condition = _expression(update.condition)
    names = condition.pop("ExpressionAttributeNames", {})
    values = condition.pop("ExpressionAttributeValues", {})
    return {
        "TableName": table_name,
        "Key": update.key,
        "UpdateExpression": update.expression,
        "ExpressionAttributeNames": {**update.names, **names},
        "ExpressionAttributeValues": {**update.values, **values},
        **condition,
    }


def _expression(condition: ConditionBase) -> dict[str, Any]:
    """boto3 expands condition objects in single writes only; transactions need the texts."""
    built = ConditionExpressionBuilder().build_expression(condition)
    expression: dict[str, Any] = {
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": built.attribute_name_placeholders,
    }
    if built.attribute_value_placeholders:
        expression["ExpressionAttributeValues"] = built.attribute_value_placeholders
    return expression
