"""What the deployment knows of itself: sweeps that ran, providers that can be used, orphans.

pk SWEEP#<name>         sk RUN            when a sweep last ended well, and under which release
pk PROVIDER#<name>      sk CREDENTIALS    whether the secret could be read and is complete
pk PROVIDER#<name>      sk BALANCE        when its balance was last asked for
pk PROVIDER#<name>      sk LISTINGS       since when every listing of it has been complete
pk ORPHAN#<provider>    sk <instance id>  a machine of ours that no live attempt owns
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.reconciling import Orphan
from gpu_shopper.store.codec import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEEP_DESTROYED = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SweepRun:
    """The last good end of a sweep, and the release that ran it."""

    at: datetime
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanRecord:
    """What became of one orphan; `status` is destroying or destroyed."""

    provider: str
    instance_id: str
    label: str
    session_id: str
    attempt: int
    cause: str
    first_seen_at: datetime
    last_seen_at: datetime
    status: str = "open"
    destroy_tries: int = 0
    asked_at: datetime | None = None
    failing_at: datetime | None = None
    destroyed_at: datetime | None = None
    gpu_type: str | None = None
    price_microusd_per_hour: int | None = None


def can_be_read(table: Table) -> bool:
    """False when the table does not answer."""
    try:
        table.get_item(Key={"pk": "SWEEP#lifecycle", "sk": "RUN"})
    except (BotoCoreError, ClientError):
        return False
    return True


def mark_sweep(table: Table, name: str, now: datetime, release: str) -> None:
    """Write down that the sweep `name` ended well at `now`."""
    table.put_item(
        Item={"pk": f"SWEEP#{name}", "sk": "RUN", "at": to_text(now), "release": release}
    )


def last_sweep(table: Table, name: str) -> SweepRun | None:
    """The last good run of sweep `name`, None when there was none."""
    item: Any = table.get_item(Key={"pk": f"SWEEP#{name}", "sk": "RUN"}, ConsistentRead=True).get(
        "Item"
    )
    return SweepRun(from_text(item["at"]), item["release"]) if item else None


def mark_credentials(table: Table, provider: str, problem: str | None) -> None:
    """Write down whether the provider's secret can be used; `problem` says what is wrong."""
    item = {"pk": f"PROVIDER#{provider}", "sk": "CREDENTIALS"}
    table.put_item(Item=item if problem is None else item | {"problem": problem})


def credentials_problem(table: Table, provider: str) -> str | None:
    """None when the provider's secret was read and is complete, else what is missing."""
    item: Any = table.get_item(
        Key={"pk": f"PROVIDER#{provider}", "sk": "CREDENTIALS"}, ConsistentRead=True
    ).get("Item")
    return item.get("problem") if item else f"secret of {provider} not read yet"


def take_balance_look(table: Table, provider: str, now: datetime, every: timedelta) -> bool:
    """Take the next look at the balance for oneself: True once in `every`, whoever asks."""
    item = {"pk": f"PROVIDER#{provider}", "sk": "BALANCE", "asked_at": to_text(now)}
    due = Attr("pk").not_exists() | Attr("asked_at").lte(to_text(now - every))
    try:
        table.put_item(Item=item, ConditionExpression=due)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def listings_complete_since(table: Table, provider: str) -> datetime | None:
    """Since when every listing was complete; None after a failed one or before the first."""
    item: Any = table.get_item(
        Key={"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"}, ConsistentRead=True
    ).get("Item")
    return from_text(item["since"]) if item and "since" in item else None


def note_complete_listing(table: Table, provider: str, at: datetime) -> None:
    """Begin a row of complete listings at `at`, unless one is under way."""
    table.update_item(
        Key={"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"},
        UpdateExpression="SET since = if_not_exists(since, :at)",
        ExpressionAttributeValues={":at": to_text(at)},
    )


def note_failed_listing(table: Table, provider: str) -> None:
    """Break the row: what was missing before says nothing any more."""
    table.put_item(Item={"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"})


def see_orphan(table: Table, provider: str, orphan: Orphan, now: datetime) -> bool:
    """Record a sighting; True exactly for the first one of this machine."""
    key = {"pk": f"ORPHAN#{provider}", "sk": orphan.instance.id}
    record = OrphanRecord(
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
    try:
        table.put_item(Item=key | to_item(record), ConditionExpression=Attr("pk").not_exists())
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        table.update_item(
            Key=key,
            UpdateExpression="SET last_seen_at = :at REMOVE destroyed_at, #ttl",
            ConditionExpression=Attr("pk").exists(),
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":at": to_text(now)},
        )
        return False
    return True


def forget_orphan(table: Table, provider: str, instance_id: str) -> None:
    """Remove the record of a machine that turned out to be wanted."""
    table.delete_item(Key={"pk": f"ORPHAN#{provider}", "sk": instance_id})


def note_orphan_asked(table: Table, provider: str, instance_id: str, at: datetime) -> None:
    """Count one more request to destroy this orphan; fails when its record was forgotten."""
    table.update_item(
        Key={"pk": f"ORPHAN#{provider}", "sk": instance_id},
        UpdateExpression=("SET #s = :s, asked_at = :at, last_seen_at = :at ADD destroy_tries :one"),
        # Half a record could not be read back, and would stop every later pass.
        ConditionExpression=Attr("pk").exists(),
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": "destroying", ":at": to_text(at), ":one": 1},
    )


def close_orphan(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Write down the proven end of an orphan; True exactly once."""
    try:
        table.update_item(
            Key={"pk": f"ORPHAN#{provider}", "sk": instance_id},
            UpdateExpression="SET #s = :s, destroyed_at = :at, #ttl = :ttl",
            ConditionExpression=Attr("destroyed_at").not_exists(),
            ExpressionAttributeNames={"#s": "status", "#ttl": "ttl"},
            ExpressionAttributeValues={
                ":s": "destroyed",
                ":at": to_text(at),
                ":ttl": int((at + KEEP_DESTROYED).timestamp()),
            },
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def note_orphan_failing(table: Table, provider: str, instance_id: str, at: datetime) -> bool:
    """Write down that an orphan, not proven gone, should be so by now; True exactly once."""
    try:
        table.update_item(
            Key={"pk": f"ORPHAN#{provider}", "sk": instance_id},
            UpdateExpression="SET failing_at = :at",
            ConditionExpression=Attr("pk").exists()
            & Attr("destroyed_at").not_exists()
            & Attr("failing_at").not_exists(),
            ExpressionAttributeValues={":at": to_text(at)},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def open_orphans(table: Table, provider: str) -> Iterator[OrphanRecord]:
    """Orphans whose end is not proven yet."""
    query: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(f"ORPHAN#{provider}"),
        "FilterExpression": Attr("destroyed_at").not_exists(),
        "ConsistentRead": True,
    }
    while True:
        answer: Any = table.query(**query)
        yield from (from_item(OrphanRecord, item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
