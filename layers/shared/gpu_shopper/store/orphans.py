"""What became of machines of ours that no live attempt owned.

pk ORPHAN#<provider>    sk <instance id>  one machine, in the operations table
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.reconciling import Orphan
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEEP_CLOSED = timedelta(days=90)

_EXISTS = Attr("pk").exists()
_OPEN = Attr("destroyed_at").not_exists() & Attr("adopted_at").not_exists()


class OrphanStatus(StrEnum):
    """How it stands with an orphan; the words shown to operators."""

    OPEN = "open"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanRecord:
    """One orphan. `requested_at` is when an operator asked for its end, `asked_at` when we did."""

    provider: str
    instance_id: str
    label: str
    session_id: str
    attempt: int
    cause: str
    first_seen_at: datetime
    last_seen_at: datetime
    status: OrphanStatus = OrphanStatus.OPEN
    destroy_tries: int = 0
    requested_at: datetime | None = None
    asked_at: datetime | None = None
    failing_at: datetime | None = None
    destroyed_at: datetime | None = None
    adopted_at: datetime | None = None
    last_error: str | None = None
    gpu_type: str | None = None
    price_microusd_per_hour: int | None = None


def _key(provider: str, instance_id: str) -> Item:
    return {"pk": f"ORPHAN#{provider}", "sk": instance_id}


def see(
    table: Table, provider: str, orphan: Orphan, now: datetime, beside: Iterable[Put] = ()
) -> bool:
    """Record a sighting; True exactly for the first one of this machine, written with `beside`.

    One whose record was closed is open again: it came back, or was adopted and lost.
    """
    key = _key(provider, orphan.instance.id)
    item = key | to_item(_record(provider, orphan, now))
    try:
        write_all(table, [Put(item, Attr("pk").not_exists()), *beside])
    except Cancelled:
        if not _update(table, key, _EXISTS & _OPEN, "SET last_seen_at = :at", at=to_text(now)):
            again = "SET last_seen_at = :at, #s = :s"
            closed = (
                "destroyed_at, adopted_at, requested_at, asked_at, failing_at, last_error, #ttl"
            )
            words = {"at": to_text(now), "s": OrphanStatus.OPEN.value}
            _update(table, key, _EXISTS, f"{again} REMOVE {closed}", **words)
        return False
    return True


def _record(provider: str, orphan: Orphan, now: datetime) -> OrphanRecord:
    return OrphanRecord(
        provider=provider,
        instance_id=orphan.instance.id,
        label=str(orphan.label),
        session_id=orphan.label.session_id,
        attempt=orphan.label.attempt,
        cause=orphan.cause.value,
        first_seen_at=now,
        last_seen_at=now,
        gpu_type=orphan.instance.gpu_type,
        price_microusd_per_hour=orphan.instance.price_microusd_per_hour,
    )


def forget(table: Table, provider: str, instance_id: str) -> None:
    """Remove the record of a machine that turned out to be wanted."""
    table.delete_item(Key=_key(provider, instance_id))


def note_asked(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Count one more request to destroy this orphan; False when its record was forgotten."""
    said = "SET #s = :s, asked_at = :at, last_seen_at = :at REMOVE last_error"
    # Half a record could not be read back, and would stop every later pass.
    return _update(
        table,
        _key(provider, instance_id),
        _EXISTS,
        f"{said} ADD destroy_tries :one",
        s=OrphanStatus.DESTROYING.value,
        at=to_text(at),
        one=1,
    )


def note_failed(table: Table, provider: str, instance_id: str, error: str) -> None:
    """Keep why the last request to destroy it failed."""
    _update(table, _key(provider, instance_id), _EXISTS, "SET last_error = :error", error=error)


def note_failing(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Write down that an orphan, not proven gone, should be so by now; True exactly once."""
    return _update(
        table,
        _key(provider, instance_id),
        _EXISTS & _OPEN & Attr("failing_at").not_exists(),
        "SET failing_at = :at",
        at=to_text(at),
    )


def request_end(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Write down that an operator wants it destroyed; True exactly for the first wish."""
    return _update(
        table,
        _key(provider, instance_id),
        _EXISTS & Attr("requested_at").not_exists(),
        "SET requested_at = :at, #s = :s",
        at=to_text(at),
        s=OrphanStatus.DESTROYING.value,
    )


def close(table: Table, record: OrphanRecord, at: datetime, beside: Iterable[Put] = ()) -> bool:
    """Write down the proven end of an orphan, and `beside`; True exactly once.

    One whose end was asked for since `record` was read stays open: the next pass looks again.
    """
    closed = replace(record, status=OrphanStatus.DESTROYED, destroyed_at=at)
    item = _key(record.provider, record.instance_id) | to_item(closed) | {"ttl": _until(at)}
    same = _OPEN & Attr("destroy_tries").eq(record.destroy_tries)
    try:
        write_all(table, [Put(item, same), *beside])
    except Cancelled:
        return False
    return True


def close_adopted(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Write down that its session has it now; False when there was no open record."""
    return _update(
        table,
        _key(provider, instance_id),
        _EXISTS & _OPEN,
        "SET #s = :s, adopted_at = :at, #ttl = :ttl",
        s=OrphanStatus.ADOPTED.value,
        at=to_text(at),
        ttl=_until(at),
    )


def _until(closed_at: datetime) -> int:
    return int((closed_at + KEEP_CLOSED).timestamp())


def _update(table: Table, key: Item, condition: Any, expression: str, **values: Any) -> bool:
    """True when the condition held and the update was written."""
    known = {"#s": "status", "#ttl": "ttl"}
    words: Any = {word: name for word, name in known.items() if word in expression}
    more: Any = {"ExpressionAttributeNames": words} if words else {}
    try:
        table.update_item(
            Key=key,
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
            **more,
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(table: Table, provider: str, instance_id: str) -> OrphanRecord | None:
    """The record of this machine, if it was ever an orphan."""
    item = table.get_item(Key=_key(provider, instance_id), ConsistentRead=True).get("Item")
    return from_item(OrphanRecord, item) if item else None


def still_open(table: Table, provider: str) -> Iterator[OrphanRecord]:
    """Orphans whose end is not proven yet."""
    return _records(table, Key("pk").eq(f"ORPHAN#{provider}"), FilterExpression=_OPEN)


def known(table: Table, provider: str, after: str | None) -> Iterator[OrphanRecord]:
    """All records of one provider's machines in the order of their ids, after the given one."""
    condition: Any = Key("pk").eq(f"ORPHAN#{provider}")
    return _records(table, condition & Key("sk").gt(after) if after else condition)


def _records(table: Table, condition: Any, **more: Any) -> Iterator[OrphanRecord]:
    query: dict[str, Any] = {"KeyConditionExpression": condition, "ConsistentRead": True, **more}
    while True:
        answer: Any = table.query(**query)
        yield from (from_item(OrphanRecord, item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
