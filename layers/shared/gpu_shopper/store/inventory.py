"""Snapshots: a pointer per provider in the table, the offers themselves as one object each.

    pk PROVIDER#<name>  sk POINTER, LEASE       see `store.fetches`
    pk PROVIDER#<name>  sk WITHDRAWN#<offer>    hidden until a snapshot whose fetch began later
    pk PROVIDER#<name>  sk FAILURE#…            see `store.failures`: read by the same query
    pk PROVIDER#<name>  sk LOCATION#…           see `store.location_stats`: likewise
    object <provider>/<generation>.json.gz      the offers of one complete fetch

A generation becomes visible by one write of the pointer; objects are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from gpu_shopper.core.failures import Memory
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.inventory import ProviderView, Snapshot
from gpu_shopper.store import failures, fetches, location_stats
from gpu_shopper.store.fetches import Pointer
from gpu_shopper.store.snapshots import pack, unpack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.service_resource import Bucket

_WITHDRAWN = "WITHDRAWN#"


@dataclass(frozen=True, slots=True)
class Storage:
    """Where snapshots live: the table of pointers and the bucket of objects."""

    table: Table
    bucket: Bucket


class SnapshotCache:
    """The last snapshot read of each provider; a generation never changes, so it never lies."""

    def __init__(self) -> None:
        self._latest: dict[str, Snapshot] = {}

    def get(self, storage: Storage, provider: str, pointer: dict[str, Any]) -> Snapshot:
        """The snapshot that `pointer` names, read from the bucket once."""
        known = self._latest.get(provider)
        if known is None or known.generation != pointer["generation"]:
            known = _read(storage, provider, pointer["generation"])
            self._latest[provider] = known
        return known


def feed_of(provider: str) -> str:
    """The name under which `store.fetches` knows the provider's offers."""
    return f"PROVIDER#{provider}"


def view(storage: Storage, cache: SnapshotCache, provider: str) -> ProviderView:
    """What an answer may use of `provider` now, fixed by one strongly consistent query."""
    rows = _rows(storage.table, provider)
    pointer = rows.get("POINTER", {})
    snapshot = cache.get(storage, provider, pointer) if "generation" in pointer else None
    withdrawn = {
        sk.removeprefix(_WITHDRAWN): from_text(row["withdrawn_at"])
        for sk, row in rows.items()
        if sk.startswith(_WITHDRAWN)
    }
    return ProviderView(
        provider=provider,
        snapshot=snapshot,
        withdrawn=withdrawn,
        memory=failures.memory_of(rows),
        locations=location_stats.locations_of(rows),
        error=pointer.get("error"),
    )


def memory(storage: Storage, provider: str) -> Memory:
    """What is remembered of the provider's failures."""
    return failures.memory_of(_rows(storage.table, provider))


def publish(storage: Storage, snapshot: Snapshot) -> None:
    """Store a complete fetch and make it the provider's newest generation in one write.

    Raises: Conflict when a snapshot with a later fetch is already there.
    """
    storage.bucket.put_object(
        Key=_object_key(snapshot.provider, snapshot.generation),
        Body=pack(snapshot),
        ContentType="application/json",
        ContentEncoding="gzip",
    )
    feed = feed_of(snapshot.provider)
    found = len(snapshot.offers)
    fetches.point(storage.table, feed, Pointer(snapshot.generation, snapshot.fetched_at, found))


def withdraw(table: Table, provider: str, offer_id: str, now: datetime, keep_s: int) -> None:
    """Hide an offer at once, until a snapshot whose fetch began after `now` shows it again."""
    table.put_item(
        Item=_key(provider, _WITHDRAWN + offer_id)
        | {"withdrawn_at": to_text(now), "ttl": int(now.timestamp()) + keep_s}
    )


def _rows(table: Table, provider: str) -> dict[str, dict[str, Any]]:
    query: dict[str, Any] = {
        "KeyConditionExpression": Key("pk").eq(feed_of(provider)),
        "ConsistentRead": True,
    }
    rows: dict[str, dict[str, Any]] = {}
    while True:
        answer: Any = table.query(**query)
        rows |= {str(item["sk"]): item for item in answer["Items"]}
        if "LastEvaluatedKey" not in answer:
            return rows
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _key(provider: str, sk: str) -> dict[str, Any]:
    return {"pk": feed_of(provider), "sk": sk}


def _object_key(provider: str, generation: str) -> str:
    return f"{provider}/{generation}.json.gz"


def _read(storage: Storage, provider: str, generation: str) -> Snapshot:
    answer = storage.bucket.Object(_object_key(provider, generation)).get()
    return unpack(provider, generation, answer["Body"].read())
