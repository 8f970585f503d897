"""Budgets, beside the ledger: what a consumer has spent and reserved, and what it may.

pk BUDGET#<consumer>  sk ACCOUNT      spent and committed of a month; the limit, if there is one
pk BUDGETS            sk <consumer>   which consumers have a limit

An account is kept for everybody who rents: a limit that is set later finds it right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from gpu_shopper.core.budgets import AlertType, Budget
from gpu_shopper.core.instants import to_text
from gpu_shopper.errors import BudgetNotFound, Conflict
from gpu_shopper.store.codec import Item, from_item
from gpu_shopper.store.paging import pages
from gpu_shopper.store.transactions import Action, Cancelled, Delete, Put, Update, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LIST = "BUDGETS"
_MONTH = {"#month": "month"}


def _key(consumer_id: str) -> Item:
    return {"pk": f"BUDGET#{consumer_id}", "sk": "ACCOUNT"}


def read(table: Table, consumer_id: str, month: str) -> Budget:
    """The consumer's account as it is in `month`; an empty one for who never rented."""
    return _stored(table, consumer_id, month).in_month(month)


def opened(table: Table, consumer_id: str, month: str) -> Budget:
    """The account, brought to `month` in the table too: what is written next belongs there."""
    stored = _stored(table, consumer_id, month)
    if stored.month >= month:
        return stored
    # When the condition fails, somebody else has opened it.
    with suppress(table.meta.client.exceptions.ConditionalCheckFailedException):
        table.update_item(
            Key=_key(consumer_id),
            UpdateExpression=(
                "SET committed_microusd = committed_microusd - spent_microusd,"
                " spent_microusd = :zero, #month = :month"
                " REMOVE warning_sent_at, exceeded_sent_at"
            ),
            ConditionExpression=Attr("month").eq(stored.month),
            ExpressionAttributeNames=_MONTH,
            ExpressionAttributeValues={":zero": 0, ":month": month},
        )
    return _stored(table, consumer_id, month)


def _stored(table: Table, consumer_id: str, month: str) -> Budget:
    item = table.get_item(Key=_key(consumer_id), ConsistentRead=True).get("Item")
    return from_item(Budget, item) if item else Budget(consumer_id=consumer_id, month=month)


def moving(table: Table, budget: Budget, committed: int, spent: int, *, checked: bool) -> Update:
    """Add to what is committed and spent, if the account is still in the month of `budget`.

    `checked`: and only if the limit, as `budget` has it, allows it; for a transaction.
    """
    condition: ConditionBase = Attr("month").not_exists() | Attr("month").eq(budget.month)
    if checked:
        condition &= _limit_allows(budget, committed)
    return Update(
        key=_key(budget.consumer_id),
        expression=(
            "SET #month = :month, consumer_id = :consumer"
            " ADD committed_microusd :committed, spent_microusd :spent"
        ),
        names=_MONTH,
        values={
            ":month": budget.month,
            ":consumer": budget.consumer_id,
            ":committed": committed,
            ":spent": spent,
        },
        condition=condition,
        table=table,
    )


def _limit_allows(budget: Budget, microusd: int) -> ConditionBase:
    """The limit is as it was read, and it is enough."""
    known = _unchanged(budget)
    if budget.limit_microusd is None or not budget.enforce:
        return known
    enough = Attr("committed_microusd").lte(budget.limit_microusd - microusd)
    return known & enough


def put(
    table: Table,
    before: Budget,
    limit_microusd: int,
    also: Iterable[Action] = (),
    *,
    enforce: bool,
    webhook: tuple[str | None, str | None] = (None, None),
    at: datetime,
) -> None:
    """Set the limit, and write `also`. Alerts that it has not reached any more may come again.

    `webhook` is the id and the URL of their receiver.
    Raises: Conflict when the limit was changed meanwhile.
    """
    wanted = Budget(
        consumer_id=before.consumer_id,
        month=before.month,
        spent_microusd=before.spent_microusd,
        limit_microusd=limit_microusd,
    )
    raised = limit_microusd > (before.limit_microusd or 0)
    forgotten = [
        f"{alert.value}_sent_at"
        for alert in AlertType
        if raised and before.sent_at(alert) and not wanted.has_reached(alert)
    ]
    named = {"webhook_id": webhook[0], "webhook_url": webhook[1]}
    told = {name: value for name, value in named.items() if value is not None}
    forgotten += [name for name in named if name not in told]
    change = Update(
        key=_key(before.consumer_id),
        expression=(
            "SET limit_microusd = :limit, enforce = :enforce, updated_at = :at,"
            " created_at = if_not_exists(created_at, :at), consumer_id = :consumer,"
            " #month = if_not_exists(#month, :month)"
            + "".join(f", {name} = :{name}" for name in told)
            + " ADD revision :one, committed_microusd :zero, spent_microusd :zero"
            + (f" REMOVE {', '.join(forgotten)}" if forgotten else "")
        ),
        names=_MONTH,
        values={
            ":limit": limit_microusd,
            ":enforce": enforce,
            ":at": to_text(at),
            ":consumer": before.consumer_id,
            ":month": before.month,
            ":one": 1,
            ":zero": 0,
            **{f":{name}": value for name, value in told.items()},
        },
        condition=_unchanged(before),
    )
    _together(table, [change, Put({"pk": LIST, "sk": before.consumer_id}), *also])


def delete(table: Table, before: Budget, also: Iterable[Action] = ()) -> None:
    """Remove the limit, and write `also`; the account stays, and what was told of this month.

    Raises: BudgetNotFound, Conflict.
    """
    if before.limit_microusd is None:
        raise BudgetNotFound("budget not found")
    change = Update(
        key=_key(before.consumer_id),
        expression=(
            "REMOVE limit_microusd, enforce, created_at, updated_at, webhook_id, webhook_url"
            " ADD revision :one"
        ),
        names={},
        values={":one": 1},
        condition=_unchanged(before),
    )
    _together(table, [change, Delete({"pk": LIST, "sk": before.consumer_id}), *also])


def _unchanged(before: Budget) -> ConditionBase:
    never = Attr("revision").not_exists()
    return never if before.revision == 0 else Attr("revision").eq(before.revision)


def _together(table: Table, actions: list[Action]) -> None:
    try:
        write_all(table, actions)
    except Cancelled as exc:
        raise Conflict("the budget changed meanwhile", retry_suggested=True) from exc


def mark_sent(
    table: Table, budget: Budget, alert: AlertType, at: datetime, also: Iterable[Action] = ()
) -> bool:
    """Take this month's alert for oneself, and write `also` with it: True exactly once.

    False also when the limit is no longer that of `budget`: who has changed it looks anew.
    """
    sent = f"{alert.value}_sent_at"
    first = Attr(sent).not_exists() & Attr("month").eq(budget.month) & _unchanged(budget)
    mark = Update(
        key=_key(budget.consumer_id),
        expression=f"SET {sent} = :at",
        names={},
        values={":at": to_text(at)},
        condition=first & Attr("limit_microusd").exists(),
    )
    try:
        write_all(table, [mark, *also])
    except Cancelled:
        return False
    return True


def consumers(table: Table, after: str | None = None, limit: int | None = None) -> list[str]:
    """Consumers with a limit, in their order: up to `limit` after `after`, or all."""
    condition: Any = Key("pk").eq(LIST)
    if after is not None:
        condition &= Key("sk").gt(after)
    found: list[str] = []
    for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
        found += [str(item["sk"]) for item in page]
        if limit is not None and len(found) >= limit:
            break
    return found[:limit]


def read_all(table: Table, consumer_ids: list[str], month: str) -> Iterator[Budget]:
    """The accounts of these consumers as they are in `month`."""
    for consumer_id in consumer_ids:
        yield read(table, consumer_id, month)
