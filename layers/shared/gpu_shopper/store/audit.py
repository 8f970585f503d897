"""Audit events: put beside what they tell of, never changed, removed by their age alone.

pk SESSION#<id> | EVENT#<id>   sk <at>#<number>#<id>   one event

A session's events are one partition, so they are read strongly consistently. Indexes by_consumer,
by_provider, by_operation and by_day have the same sort key and hold whole events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.audit import AuditEvent, AuditFilter
from gpu_shopper.core.instants import to_text
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BATCH = 100
BATCHES_PER_PAGE = 40

_INDEXES = (
    ("consumer_id", "by_consumer"),
    ("operation", "by_operation"),
    ("provider", "by_provider"),
)
"""From what usually narrows most to what narrows least."""

_ABSENT = Attr("pk").not_exists()


def put(table: Table, event: AuditEvent, number: int, keep: timedelta) -> Put:
    """The write of one event, the `number`-th of its moment, for a transaction."""
    return Put(_to_item(event, number, keep), _ABSENT, table)


def append(table: Table, events: Iterable[Put]) -> None:
    """Write events of which nothing else is written; those that are there already stay."""
    for one in events:
        try:
            write_all(table, [one])
        except Cancelled:
            # The answer to the first try was lost: it is there.
            continue


def _to_item(event: AuditEvent, number: int, keep: timedelta) -> Item:
    at = to_text(event.at)
    attributes = to_item(event) | {"details": json.dumps(dict(event.details), default=str)}
    return {
        **attributes,
        "pk": f"SESSION#{event.session_id}" if event.session_id else f"EVENT#{event.id}",
        "sk": f"{at}#{number:02}#{event.id}",
        "day": at[:10],
        "ttl": int((event.at + keep).timestamp()),
    }


def from_row(item: Item) -> AuditEvent:
    """The event that `put` wrote."""
    return from_item(AuditEvent, {**item, "details": json.loads(item["details"])})


def page(
    table: Table, wanted: AuditFilter, after: str | None, limit: int
) -> tuple[list[AuditEvent], str | None]:
    """Up to `limit` events in order of time, those after position `after`, and the next position.

    Looks at a bounded number of events: a page may be short and still have a next one.
    """
    found: list[AuditEvent] = []
    for looked_at, item in enumerate(_rows(table, wanted, after), 1):
        if _fits(item, wanted):
            found.append(from_row(item))
        if len(found) == limit or looked_at == BATCH * BATCHES_PER_PAGE:
            return found, str(item["sk"])
    return found, None


def _fits(item: Item, wanted: AuditFilter) -> bool:
    asked = (
        (name, value)
        for name, value in asdict(wanted).items()
        if name in ("session_id", "consumer_id", "provider", "operation") and value is not None
    )
    return all(item.get(name) == value for name, value in asked)


def _rows(table: Table, wanted: AuditFilter, after: str | None) -> Iterator[Item]:
    """Events of the narrowest partition there is for these filters, or of day after day."""
    low, high = _span(wanted, after)
    if wanted.session_id is not None:
        yield from _query(table, None, "pk", f"SESSION#{wanted.session_id}", low, high, wanted)
        return
    for name, index in _INDEXES:
        value = getattr(wanted, name)
        if value is not None:
            yield from _query(table, index, name, value, low, high, wanted)
            return
    for day in _days(low, high, newest_first=wanted.newest_first):
        yield from _query(table, "by_day", "day", day, low, high, wanted)


def _span(wanted: AuditFilter, after: str | None) -> tuple[str, str]:
    """The sort keys strictly between which the wanted events lie."""
    low = to_text(wanted.start) if wanted.start else "0"
    high = to_text(wanted.end)
    if after is None:
        return low, high
    return (low, after) if wanted.newest_first else (after, high)


def _days(low: str, high: str, *, newest_first: bool) -> list[str]:
    first, last = (datetime.fromisoformat(text[:10]) for text in (low, high))
    days = [f"{first + timedelta(days=n):%Y-%m-%d}" for n in range((last - first).days + 1)]
    return days[::-1] if newest_first else days


def _query(
    table: Table,
    index: str | None,
    name: str,
    value: str,
    low: str,
    high: str,
    wanted: AuditFilter,
) -> Iterator[Item]:
    """Sort keys begin with their instant and go on with `#`: none equals a bound."""
    condition = Key(name).eq(value) & Key("sk").between(low, high)
    query: dict[str, Any] = {
        "KeyConditionExpression": condition,
        "ScanIndexForward": not wanted.newest_first,
        "Limit": BATCH,
    }
    query |= {"IndexName": index} if index else {"ConsistentRead": True}
    while True:
        answer: Any = table.query(**query)
        yield from (item for item in answer["Items"] if item["sk"] not in (low, high))
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
