"""What the deployment knows of itself: sweeps that ran, providers that can be used.

pk SWEEP#<name>         sk RUN            when a sweep last ended well, and under which release
pk PROVIDER#<name>      sk CREDENTIALS    whether the secret could be read and is complete
pk PROVIDER#<name>      sk BALANCE        when its balance was last asked for
pk PROVIDER#<name>      sk BALANCE#LAUNCH when a launch last asked for it
pk PROVIDER#<name>      sk BALANCE#READ   what was left then, by the newest answer
pk PROVIDER#<name>      sk LISTINGS       since when every listing of it has been complete
pk HEARTBEATS           sk FAILURE        when a heartbeat last got an answer of 5xx
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.core.balances import Balance
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_HEARTBEAT_FAILURE = {"pk": "HEARTBEATS", "sk": "FAILURE"}


@dataclass(frozen=True, slots=True)
class SweepRun:
    """The last good end of a sweep, and the release that ran it."""

    at: datetime
    release: str


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


def mark_release(
    table: Table,
    name: str,
    now: datetime,
    release: str,
    before: SweepRun | None,
    also: Sequence[Put],
) -> bool:
    """The same by another release than `before`, with `also`; False when somebody did already."""
    told = Attr("pk").not_exists() if before is None else Attr("release").eq(before.release)
    mark = {"pk": f"SWEEP#{name}", "sk": "RUN", "at": to_text(now), "release": release}
    try:
        write_all(table, [Put(mark, told), *also])
    except Cancelled:
        return False
    return True


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


def take_balance_look(
    table: Table, provider: str, now: datetime, every: timedelta, *, before_launches: bool = False
) -> bool:
    """Take the next look at the balance for oneself: True once in `every`, whoever asks.

    Looks before launches are counted apart.
    """
    sk = "BALANCE#LAUNCH" if before_launches else "BALANCE"
    item = {"pk": f"PROVIDER#{provider}", "sk": sk, "asked_at": to_text(now)}
    due = Attr("pk").not_exists() | Attr("asked_at").lte(to_text(now - every))
    try:
        table.put_item(Item=item, ConditionExpression=due)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def remember_balance(table: Table, provider: str, balance: Balance) -> None:
    """Write down what the provider said is left, unless it has said so later."""
    newer = Attr("pk").not_exists() | Attr("read_at").lt(to_text(balance.read_at))
    with suppress(table.meta.client.exceptions.ConditionalCheckFailedException):
        table.put_item(Item=_read_key(provider) | to_item(balance), ConditionExpression=newer)


def last_balance(table: Table, provider: str) -> Balance | None:
    """What it said last; None when it never did."""
    item = table.get_item(Key=_read_key(provider), ConsistentRead=True).get("Item")
    return from_item(Balance, item) if item else None


def _read_key(provider: str) -> Item:
    return {"pk": f"PROVIDER#{provider}", "sk": "BALANCE#READ"}


def mark_heartbeat_failure(table: Table, at: datetime) -> None:
    """Write down that a heartbeat got an error of ours at `at`."""
    table.put_item(Item={**_HEARTBEAT_FAILURE, "at": to_text(at)})


def heartbeat_failure_at(table: Table) -> datetime | None:
    """When that last happened, if ever."""
    item: Any = table.get_item(Key=_HEARTBEAT_FAILURE, ConsistentRead=True).get("Item")
    return from_text(item["at"]) if item else None


def listings_complete_since(table: Table, provider: str, oldest: datetime) -> datetime | None:
    """Since when every listing was complete; None after a failed one or before the first.

    None, too, when the last of which we have heard was asked for before `oldest`.
    """
    item: Any = table.get_item(
        Key={"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"}, ConsistentRead=True
    ).get("Item")
    is_row = item is not None and item.get("latest", "") >= to_text(oldest)
    return from_text(item["since"]) if is_row else None


def note_complete_listing(table: Table, provider: str, at: datetime, most_apart: timedelta) -> None:
    """Go on with the row of complete listings; begin one at `at` when its last is too long ago."""
    key, text = {"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"}, to_text(at)
    try:
        table.update_item(
            Key=key,
            UpdateExpression="SET latest = :at",
            ConditionExpression="attribute_exists(since) AND latest >= :oldest",
            ExpressionAttributeValues={":at": text, ":oldest": to_text(at - most_apart)},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        table.put_item(Item=key | {"since": text, "latest": text})


def note_failed_listing(table: Table, provider: str) -> None:
    """Break the row: what was missing before says nothing any more."""
    table.put_item(Item={"pk": f"PROVIDER#{provider}", "sk": "LISTINGS"})
