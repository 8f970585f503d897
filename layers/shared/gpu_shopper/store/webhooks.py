"""Webhooks, whose they are, and how their last deliveries went.

pk HOOKS          sk <id>                     one webhook; its secret is sealed
pk OWNER#<who>    sk HOOKS                    the ids of one consumer's, or (*) the deployment's
pk OWNER#<who>    sk BUDGET                   the id of the one that hears of its budget
pk HOOK#<id>      sk DELIVERY#<at>#<id>       one delivery with all its tries
pk HOOK#<id>      sk TESTS#<minute>           how often it was tested in this minute
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.webhooks import Delivery, Webhook
from gpu_shopper.errors import Conflict, ValidationFailed, WebhookNotFound
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Delete, Put, Update, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_HOOKS = "HOOKS"
_DEPLOYMENT = "*"
DELIVERIES_SHOWN = 20
DELIVERIES_KEPT = timedelta(days=30)
_ABSENT = Attr("pk").not_exists()


def _key(hook_id: str) -> Item:
    return {"pk": _HOOKS, "sk": hook_id}


def _owner_key(consumer_id: str | None) -> Item:
    return {"pk": f"OWNER#{consumer_id or _DEPLOYMENT}", "sk": _HOOKS}


def create(table: Table, hook: Webhook, most: int, beside: Iterable[Put]) -> None:
    """Write a new webhook, with `beside`.

    Raises: ValidationFailed when its owner has `most` already; Conflict.
    """
    owner = _owner(table, hook.consumer_id)
    ids = [*owner.get("ids", []), hook.id]
    if len(ids) > most:
        raise ValidationFailed([("url", f"there are {most} webhooks already, which is the most")])
    made = Put(_key(hook.id) | to_item(hook), _ABSENT)
    _write(table, [made, _counted(hook.consumer_id, owner, ids), *beside])


def delete(table: Table, hook: Webhook, beside: Iterable[Put]) -> None:
    """Remove a webhook. Raises: WebhookNotFound when it is gone already; Conflict."""
    owner = _owner(table, hook.consumer_id)
    ids = [one for one in owner.get("ids", []) if one != hook.id]
    if len(ids) == len(owner.get("ids", [])):
        raise WebhookNotFound("webhook not found")
    _write(table, [Delete(_key(hook.id)), _counted(hook.consumer_id, owner, ids), *beside])


def _owner(table: Table, consumer_id: str | None) -> Item:
    answer: Any = table.get_item(Key=_owner_key(consumer_id), ConsistentRead=True)
    return dict(answer.get("Item") or {})


def _counted(consumer_id: str | None, before: Item, ids: list[str]) -> Put:
    version = int(before.get("version", 0))
    same = Attr("version").eq(version) if version else _ABSENT
    return Put(_owner_key(consumer_id) | {"ids": ids, "version": version + 1}, same)


def _write(table: Table, actions: list[Put | Delete]) -> None:
    try:
        write_all(table, actions)
    except Cancelled as exc:
        raise Conflict("the webhooks changed meanwhile", retry_suggested=True) from exc


def find(table: Table, hook_id: str) -> Webhook | None:
    """The webhook with this id, or None."""
    item = table.get_item(Key=_key(hook_id), ConsistentRead=True).get("Item")
    return from_item(Webhook, item) if item else None


def hearing(table: Table, consumer_id: str | None) -> list[Webhook]:
    """Webhooks that hear of what concerns this consumer: its own, and the deployment's."""
    owners = {None, consumer_id}
    ids = [one for owner in owners for one in _owner(table, owner).get("ids", [])]
    return [hook for one in ids if (hook := find(table, one)) is not None]


def of_budget(table: Table, consumer_id: str) -> Webhook | None:
    """The webhook that hears of this consumer's budget."""
    answer: Any = table.get_item(Key=_budget_key(consumer_id), ConsistentRead=True)
    return find(table, answer["Item"]["id"]) if "Item" in answer else None


def changing(
    table: Table, consumer_id: str, old: Webhook | None, new: Webhook | None
) -> tuple[Put | Delete, ...]:
    """The part of a transaction that makes `new` the webhook of a budget, instead of `old`."""
    key = _budget_key(consumer_id)
    gone = [Delete(_key(old.id), table)] if old else []
    if new is None:
        return (*gone, Delete(key, table))
    made = Put(_key(new.id) | to_item(new), _ABSENT, table)
    return (*gone, made, Put(key | {"id": new.id}, None, table))


def _budget_key(consumer_id: str) -> Item:
    return {"pk": f"OWNER#{consumer_id}", "sk": "BUDGET"}


def all_hooks(table: Table, after: str | None = None) -> Iterator[Webhook]:
    """Every webhook with an id above `after`, in order of id."""
    condition: Any = Key("pk").eq(_HOOKS)
    if after is not None:
        condition &= Key("sk").gt(after)
    query: dict[str, Any] = {"KeyConditionExpression": condition, "ConsistentRead": True}
    while True:
        answer: Any = table.query(**query)
        yield from (from_item(Webhook, item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def note_delivery(table: Table, hook_id: str, delivery: Delivery) -> None:
    """Write down how a delivery stands, over what was known of it."""
    sort = f"DELIVERY#{to_text(delivery.at)}#{delivery.delivery_id}"
    ttl = int((delivery.at + DELIVERIES_KEPT).timestamp())
    item: Item = {"pk": f"HOOK#{hook_id}", "sk": sort, "ttl": ttl, **to_item(delivery)}
    table.put_item(Item=item)


def last_deliveries(table: Table, hook_id: str) -> list[Delivery]:
    """The last twenty deliveries, newest first."""
    answer: Any = table.query(
        KeyConditionExpression=Key("pk").eq(f"HOOK#{hook_id}") & Key("sk").begins_with("DELIVERY#"),
        ScanIndexForward=False,
        Limit=DELIVERIES_SHOWN,
        ConsistentRead=True,
    )
    return [from_item(Delivery, item) for item in answer["Items"]]


def note_result(table: Table, hook_id: str, at: datetime, *, delivered: bool) -> None:
    """Remember the last success or failure; a success ends the row of failures."""
    changes, values = "SET last_failure_at = :at", {":at": to_text(at)}
    if delivered:
        changes = "SET last_success_at = :at REMOVE consecutive_failures"
    try:
        table.update_item(
            Key=_key(hook_id),
            UpdateExpression=changes,
            ConditionExpression=Attr("pk").exists(),
            ExpressionAttributeValues=values,
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        # Deleted meanwhile: there is nothing to remember.
        return


def count_failure(table: Table, hook_id: str) -> Webhook | None:
    """Count one more delivery that was given up; the webhook then, None when it is gone."""
    try:
        answer: Any = table.update_item(
            Key=_key(hook_id),
            UpdateExpression="ADD consecutive_failures :one",
            ConditionExpression=Attr("pk").exists(),
            ExpressionAttributeValues={":one": 1},
            ReturnValues="ALL_NEW",
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return None
    return from_item(Webhook, answer["Attributes"])


def disable(table: Table, hook: Webhook, reason: str, beside: Iterable[Put]) -> bool:
    """Switch a webhook off, with `beside`; True exactly once."""
    off = Update(
        key=_key(hook.id),
        expression="SET enabled = :off, disabled_reason = :reason",
        names={},
        values={":off": False, ":reason": reason},
        condition=Attr("enabled").eq(True),
    )
    try:
        write_all(table, [off, *beside])
    except Cancelled:
        return False
    return True


def count_test(table: Table, hook_id: str, at: datetime, most: int) -> bool:
    """Count one more test of this minute; False when there were `most` already."""
    try:
        table.update_item(
            Key={"pk": f"HOOK#{hook_id}", "sk": f"TESTS#{at:%Y-%m-%dT%H:%M}"},
            UpdateExpression="SET #ttl = :ttl ADD tests :one",
            ConditionExpression=Attr("tests").not_exists() | Attr("tests").lt(most),
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":one": 1,
                ":ttl": int((at + timedelta(hours=1)).timestamp()),
            },
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
