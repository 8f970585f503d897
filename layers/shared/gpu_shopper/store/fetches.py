"""What is fetched whole, again and again: one run at a time, and the newest good one.

    pk <feed>  sk POINTER   newest generation, when its fetch began, how many, the last error
    pk <feed>  sk LEASE     one fetch at a time, and when the next may start

A feed is one thing of one provider; what was fetched lies elsewhere, under its generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Pointer:
    """One complete fetch; `fetched_at` is when it began.

    `found` is how many things it found; None in items that an earlier version wrote.
    """

    generation: str
    fetched_at: datetime
    found: int | None = None


def take_lease(table: Table, feed: str, now: datetime, lease_s: int) -> bool:
    """True when this run may fetch `feed`; nobody else may until the lease ends."""
    try:
        table.put_item(
            Item=_key(feed, "LEASE") | {"until": to_text(now + timedelta(seconds=lease_s))},
            ConditionExpression=Attr("until").not_exists() | Attr("until").lte(to_text(now)),
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def release_lease(table: Table, feed: str, next_at: datetime) -> None:
    """End the lease; the next fetch may start at `next_at`."""
    table.put_item(Item=_key(feed, "LEASE") | {"until": to_text(next_at)})


def point(table: Table, feed: str, newest: Pointer) -> None:
    """Make a generation, already stored, the newest of its feed in one write.

    Raises: Conflict when one with a later fetch is already there.
    """
    began = to_text(newest.fetched_at)
    try:
        table.update_item(
            Key=_key(feed, "POINTER"),
            UpdateExpression=(
                "SET generation = :g, fetched_at = :f, #found = :n REMOVE #error, failures"
            ),
            ConditionExpression=Attr("fetched_at").not_exists() | Attr("fetched_at").lt(began),
            ExpressionAttributeNames={"#error": "error", "#found": "found"},
            ExpressionAttributeValues={":g": newest.generation, ":f": began, ":n": newest.found},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException as exc:
        raise Conflict("a newer generation is there") from exc


def newest(table: Table, feed: str) -> Pointer | None:
    """The newest generation, strongly consistent; None before the first."""
    item: Any = table.get_item(Key=_key(feed, "POINTER"), ConsistentRead=True).get("Item", {})
    if "generation" not in item:
        return None
    found = int(item["found"]) if "found" in item else None
    return Pointer(item["generation"], from_text(item["fetched_at"]), found)


def note_failure(table: Table, feed: str, error: str) -> int:
    """Keep the class word of a failed fetch; gives the number of failures in a row."""
    answer: Any = table.update_item(
        Key=_key(feed, "POINTER"),
        UpdateExpression="SET #error = :e ADD failures :one",
        ExpressionAttributeNames={"#error": "error"},
        ExpressionAttributeValues={":e": error, ":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    return int(answer["Attributes"]["failures"])


def _key(feed: str, sk: str) -> dict[str, Any]:
    return {"pk": feed, "sk": sk}
