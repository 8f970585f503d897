"""First requests by their Idempotency-Key, in the table of the sessions that they made.

pk REQUEST#<consumer>#<key>  sk REQUEST   in index by_due while it holds secrets
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.repeats import FirstRequest, KeyedRequest
from gpu_shopper.core.settings import Settings
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.paging import pages
from gpu_shopper.store.sessions import DUE_INDEX
from gpu_shopper.store.transactions import Put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SECRETS_PARTITION = "secrets"
SECONDS_PER_HOUR = 3_600


def _key(request: KeyedRequest) -> Item:
    return {"pk": f"REQUEST#{request.consumer_id}#{request.key}", "sk": "REQUEST"}


def kept(first: FirstRequest, settings: Settings) -> Put:
    """The write that keeps `first`, unless its key stands for another request still.

    DynamoDB removes it some time after its end; nobody relies on when.
    """
    item = _key(first.request) | to_item(first)
    item["free_after"] = to_text(first.key_free_after(settings))
    item["ttl"] = int(first.key_free_after(settings).timestamp()) + SECONDS_PER_HOUR
    if first.secrets_sealed is not None:
        until = to_text(first.secrets_until(settings))
        item |= {"due_partition": SECRETS_PARTITION, "due_at": until}
    free = Attr("pk").not_exists() | Attr("free_after").lt(to_text(first.at))
    return Put(item, free)


def find(table: Table, request: KeyedRequest) -> FirstRequest | None:
    """The last request under this key of this consumer, however long ago."""
    item = table.get_item(Key=_key(request), ConsistentRead=True).get("Item")
    return from_item(FirstRequest, item) if item else None


def with_secrets_before(table: Table, now: datetime) -> Iterator[Item]:
    """Keys of the items whose secrets no repeat may see at `now`; reads only these."""
    due = Key("due_partition").eq(SECRETS_PARTITION) & Key("due_at").lt(to_text(now))
    for page in pages(table, IndexName=DUE_INDEX, KeyConditionExpression=due):
        yield from ({"pk": item["pk"], "sk": item["sk"]} for item in page)


def forget_secrets(table: Table, key: Item, now: datetime) -> None:
    """Remove the secrets of one item, if it holds any that no repeat may see at `now`."""
    with suppress(table.meta.client.exceptions.ConditionalCheckFailedException):
        table.update_item(
            Key=key,
            UpdateExpression="REMOVE secrets_sealed, due_partition, due_at",
            # The index lags: the item may be gone, or stand for another request by now.
            ConditionExpression=Attr("due_at").lt(to_text(now)),
        )
