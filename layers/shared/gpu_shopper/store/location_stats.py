"""Location statistics in the inventory table, read by the query that every reader makes anyway.

pk PROVIDER#<name>  sk LOCATION#<id>   judged launches there, and how the last one ended
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.location_stats import LocationStats
from gpu_shopper.store.codec import from_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_LOCATION = "LOCATION#"
_LAST = "last_attempt_at = :at, last_ok = :ok, #ttl = :ttl"


def locations_of(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, LocationStats]:
    """Location id → its statistics, in the rows of one provider by sort key."""
    return {
        sk.removeprefix(_LOCATION): from_item(LocationStats, dict(row))
        for sk, row in rows.items()
        if sk.startswith(_LOCATION)
    }


def count_launch(
    table: Table, provider: str, location_id: str, *, accepted: bool, at: datetime, since: datetime
) -> None:
    """Count one judged launch; what was counted before `since` is forgotten by the same write."""
    remembered = Attr("last_attempt_at").gte(to_text(since))
    forgotten = Attr("last_attempt_at").not_exists() | Attr("last_attempt_at").lt(to_text(since))
    more = f"SET {_LAST} ADD attempts :one, successes :accepted"
    anew = f"SET {_LAST}, attempts = :one, successes = :accepted"
    key = {"pk": f"PROVIDER#{provider}", "sk": _LOCATION + location_id}
    values = {
        ":at": to_text(at),
        ":ok": accepted,
        ":one": 1,
        ":accepted": int(accepted),
        ":ttl": int(at.timestamp() + (at - since).total_seconds()) + 1,
    }
    # Once more in the end: another function may have begun anew between the first two.
    for change, condition in ((more, remembered), (anew, forgotten), (more, remembered)):
        if _update(table, key, change, condition, values):
            return


def _update(
    table: Table, key: dict[str, Any], change: str, condition: ConditionBase, values: dict[str, Any]
) -> bool:
    try:
        table.update_item(
            Key=key,
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues=values,
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
