"""API keys and their token buckets.

pk KEYS        sk <key id>    one API key, without its secret
pk OPERATORS   sk OPERATORS   counts revocations, so that the last key cannot go unnoticed
pk RATE#<id>   sk BUCKET      the key's bucket: `full_at_us` and one counter per UTC day
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from gpu_shopper.core.api_keys import ApiKey
from gpu_shopper.core.rate_limit import MICROSECONDS, Bucket
from gpu_shopper.errors import Conflict, KeyNotFound, TooManyRequests
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_KEYS = "KEYS"
_OPERATORS = {"pk": "OPERATORS", "sk": "OPERATORS"}
USED_EVERY = timedelta(minutes=5)
IDLE_KEPT = timedelta(days=2)
"""A bucket that nobody uses is full again long before it is removed."""


def create_key(table: Table, key: ApiKey, beside: Iterable[Put] = ()) -> None:
    """Write a new key, and `beside` with it. Raises Conflict when the id is taken."""
    try:
        write_all(table, [Put(_to_item(key), Attr("pk").not_exists()), *beside])
    except Cancelled as exc:
        raise Conflict("the key id is taken", retry_suggested=False) from exc


def find_key(table: Table, key_id: str) -> ApiKey | None:
    """The key with this id, or None."""
    item = table.get_item(Key={"pk": _KEYS, "sk": key_id}, ConsistentRead=True).get("Item")
    return from_item(ApiKey, item) if item else None


def all_keys(table: Table, after: str | None = None) -> Iterator[ApiKey]:
    """Every key with an id above `after`, in order of id."""
    condition: Any = Key("pk").eq(_KEYS)
    if after is not None:
        condition &= Key("sk").gt(after)
    query: dict[str, Any] = {"KeyConditionExpression": condition, "ConsistentRead": True}
    while True:
        answer: Any = table.query(**query)
        yield from (from_item(ApiKey, item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def revoke_key(table: Table, key: ApiKey, at: datetime, beside: Iterable[Put] = ()) -> ApiKey:
    """Revoke `key` at `at` and write `beside`, unless it was revoked before; the key as it is now.

    A use noted in the same moment is forgotten.
    """
    revoked = replace(key, revoked_at=at)
    valid = Attr("pk").exists() & Attr("revoked_at").not_exists()
    try:
        write_all(table, [Put(_to_item(revoked), valid), *beside])
    except Cancelled as exc:
        found = find_key(table, key.id)
        if found is None:
            raise KeyNotFound("no such key") from exc
        if found.revoked_at is None:
            raise Conflict("the key changed meanwhile", retry_suggested=True) from exc
        return found
    return revoked


def operators_version(table: Table) -> int:
    """Counts the revocations of operator keys; read before the keys that a decision rests on."""
    item: Any = table.get_item(Key=_OPERATORS, ConsistentRead=True).get("Item")
    return int(item["version"]) if item else 0


def revoke_operator_key(
    table: Table, key: ApiKey, at: datetime, version: int, beside: Iterable[Put] = ()
) -> ApiKey:
    """Revoke an operator's key, unless another one was revoked since `version` was read.

    Raises: Conflict.
    """
    revoked = replace(key, revoked_at=at)
    same = Attr("version").eq(version) if version else Attr("pk").not_exists()
    counted = Put({**_OPERATORS, "version": version + 1}, same)
    try:
        valid = Put(_to_item(revoked), Attr("revoked_at").not_exists())
        write_all(table, [valid, counted, *beside])
    except Cancelled as exc:
        raise Conflict("an operator key was revoked meanwhile", retry_suggested=True) from exc
    return revoked


def _to_item(key: ApiKey) -> Item:
    return {"pk": _KEYS, "sk": key.id} | to_item(key)


def note_use(table: Table, key: ApiKey, at: datetime) -> None:
    """Remember that `key` was used, accurate to five minutes."""
    if key.last_used_at is not None and at - key.last_used_at < USED_EVERY:
        return
    used = to_item(replace(key, last_used_at=at))["last_used_at"]
    table.update_item(
        Key={"pk": _KEYS, "sk": key.id},
        UpdateExpression="SET last_used_at = :at",
        ConditionExpression=Attr("pk").exists(),
        ExpressionAttributeValues={":at": used},
    )


def take_token(table: Table, bucket_id: str, bucket: Bucket, now: datetime) -> None:
    """Take one token of a shared bucket, and one request of its day.

    Raises: TooManyRequests with the seconds until a request would pass.
    """
    now_us = round(now.timestamp() * MICROSECONDS)
    idle = Attr("full_at_us").not_exists() | Attr("full_at_us").lte(now_us)
    seen = _move(table, bucket_id, bucket, now, idle, "full_at_us = :next", now_us)
    if seen is None:
        return
    full_at_us = int(seen.get("full_at_us", 0))
    busy = Attr("full_at_us").gt(now_us) & Attr("full_at_us").lte(now_us + bucket.tolerance_us)
    moved = _move(table, bucket_id, bucket, now, busy, "full_at_us = full_at_us + :refill", now_us)
    if moved is None:
        return
    if _quota_used(moved, bucket, now):
        raise _refused(_seconds_to_midnight(now))
    raise _refused(bucket.retry_after_s(int(moved.get("full_at_us", full_at_us)), now_us))


def _move(
    table: Table,
    bucket_id: str,
    bucket: Bucket,
    now: datetime,
    condition: Any,
    setting: str,
    now_us: int,
) -> Item | None:
    """Move the bucket if `condition` holds and give None; else give what is there."""
    today, yesterday = _day(now), _day(now - timedelta(days=1))
    if bucket.daily_quota is not None:
        condition = condition & (Attr(today).not_exists() | Attr(today).lt(bucket.daily_quota))
    value = (
        {":refill": bucket.refill_us}
        if ":refill" in setting
        else {":next": now_us + bucket.refill_us}
    )
    try:
        table.update_item(
            Key={"pk": f"RATE#{bucket_id}", "sk": "BUCKET"},
            UpdateExpression=f"SET {setting}, #ttl = :ttl ADD #today :one REMOVE #yesterday",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#today": today, "#yesterday": yesterday, "#ttl": "ttl"},
            ExpressionAttributeValues={
                ":one": 1,
                ":ttl": int((now + IDLE_KEPT).timestamp()),
                **value,
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        old: Any = exc.response.get("Item", {})
        return {name: _number(value) for name, value in old.items()}
    return None


def _number(value: Any) -> Any:
    """Errors bypass boto3's deserialiser: their items still carry the wire types."""
    return int(value["N"]) if isinstance(value, dict) and "N" in value else value


def _day(at: datetime) -> str:
    return f"used_{at:%Y%m%d}"


def _quota_used(item: Item, bucket: Bucket, now: datetime) -> bool:
    return bucket.daily_quota is not None and int(item.get(_day(now), 0)) >= bucket.daily_quota


def _seconds_to_midnight(now: datetime) -> int:
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, int((midnight - now).total_seconds()))


def _refused(retry_after_s: int) -> TooManyRequests:
    return TooManyRequests("too many requests", retry_after_seconds=retry_after_s)
