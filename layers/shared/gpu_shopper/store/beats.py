"""The last heartbeat of each session's agent, apart from the session: no version is used up.

pk BEAT#<session id>   sk BEAT     in index by_due, partition `agents`, at the instant at which it
                                   has become silence, or was idle for too long
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.agents import Beat
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.store.codec import Item, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DUE_INDEX = "by_due"
DUE_PARTITION = "agents"
BATCH = 100
KEPT = timedelta(days=30)
"""How long an item stays: longer than any session lives, so that its end still shows it."""


def keep(table: Table, beat: Beat, due_at: datetime, at_least_apart_s: int) -> bool:
    """Write `beat` over an older one; False when the last of its attempt is younger than that."""
    late_enough = to_text(beat.at - timedelta(seconds=at_least_apart_s))
    rare = Attr("pk").not_exists() | Attr("at").lte(late_enough) | Attr("attempt").ne(beat.attempt)
    item = _key(beat.session_id) | to_item(beat)
    # Text that sorts as the instants do.
    item |= {"at": to_text(beat.at), "due_partition": DUE_PARTITION, "due_at": to_text(due_at)}
    item |= {"ttl": int((beat.at + KEPT).timestamp())}
    try:
        table.put_item(Item=item, ConditionExpression=rare)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(table: Table, session_id: str) -> Beat | None:
    """The last heartbeat of this session, strongly consistent."""
    item = table.get_item(Key=_key(session_id), ConsistentRead=True).get("Item")
    return from_item(Beat, item) if item else None


def find_many(table: Table, session_ids: Iterable[str]) -> dict[str, Beat]:
    """The last heartbeats of those of these sessions that had one, by session."""
    wanted = list(dict.fromkeys(session_ids))
    found: dict[str, Beat] = {}
    for start in range(0, len(wanted), BATCH):
        for item in _batch(table, wanted[start : start + BATCH]):
            beat = from_item(Beat, item)
            found[beat.session_id] = beat
    return found


def forget_due(table: Table, beat: Beat) -> None:
    """Nobody has to look at `beat` again, unless another has come since."""
    try:
        table.update_item(
            Key=_key(beat.session_id),
            UpdateExpression="REMOVE due_partition, due_at",
            ConditionExpression=Attr("at").eq(to_text(beat.at)),
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return


def due(table: Table, now: datetime) -> list[str]:
    """Sessions whose last heartbeat must be looked at now; reads only those."""
    condition = _watched() & Key("due_at").lte(to_text(now))
    return [_session_id(item) for item in _index(table, condition)]


def watched(table: Table) -> list[str]:
    """All sessions whose heartbeats are waited for; the index may lag by a moment."""
    return [_session_id(item) for item in _index(table, _watched())]


def next_due(table: Table, now: datetime) -> datetime | None:
    """The first instant after `now` at which a heartbeat must be looked at."""
    condition = _watched() & Key("due_at").gt(to_text(now))
    first = next(_index(table, condition, Limit=1), None)
    return from_text(str(first["due_at"])) if first else None


def _key(session_id: str) -> Item:
    return {"pk": f"BEAT#{session_id}", "sk": "BEAT"}


def _session_id(item: Item) -> str:
    return str(item["pk"]).removeprefix("BEAT#")


def _watched() -> Any:
    return Key("due_partition").eq(DUE_PARTITION)


def _index(table: Table, condition: Any, **more: Any) -> Iterator[Item]:
    query: dict[str, Any] = {"IndexName": DUE_INDEX, "KeyConditionExpression": condition, **more}
    while True:
        answer: Any = table.query(**query)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _batch(table: Table, session_ids: list[str]) -> Iterator[Item]:
    """One batch, asked again for what DynamoDB left unprocessed."""
    keys: Any = [_key(one) for one in session_ids]
    while keys:
        answer: Any = table.meta.client.batch_get_item(
            RequestItems={table.name: {"Keys": keys, "ConsistentRead": True}}
        )
        yield from answer["Responses"].get(table.name, [])
        keys = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])
