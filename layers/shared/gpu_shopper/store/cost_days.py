"""The days of the ledger, for those who ask what a day, a month or a consumer has cost.

pk DAYS#<consumer>#<month> | DAYS#*#…  sk <day>#<id>        what it cost in one UTC day
pk GROWING                             sk <consumer>#<id>   a session whose last day is with BOOKED

The day that grows with every booking has no row, or one that was written before it grew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import ConditionBase, Key

from gpu_shopper.core.cost_periods import Days, months_of
from gpu_shopper.core.costs import Share
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.paging import pages
from gpu_shopper.store.transactions import Action, Delete, Put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

EVERYBODY = "*"
_GROWING = "GROWING"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """What one session has cost in one UTC day."""

    day: date
    session_id: str
    consumer_id: str
    shares: tuple[Share, ...]


def writing(row: DayRow) -> list[Action]:
    """The day, for the consumer and for everybody; without shares it goes. For a transaction."""
    sk = f"{row.day.isoformat()}#{row.session_id}"
    keys = [{"pk": _days_pk(whose, row.day), "sk": sk} for whose in (row.consumer_id, EVERYBODY)]
    return [Put(key | to_item(row)) if row.shares else Delete(key) for key in keys]


def listing(consumer_id: str, session_id: str) -> Put:
    """From now on the session's last day is with its booking; for a transaction."""
    return Put(_growing_key(consumer_id, session_id))


def unlisting(consumer_id: str, session_id: str) -> Delete:
    """All days of the session have their rows; for a transaction."""
    return Delete(_growing_key(consumer_id, session_id))


def listed(table: Table, whose: str) -> list[str]:
    """The sessions of consumer `whose`, or of EVERYBODY, whose last day is with their booking."""
    condition: ConditionBase = Key("pk").eq(_GROWING)
    if whose != EVERYBODY:
        condition &= Key("sk").begins_with(f"{whose}#")
    answer = pages(table, KeyConditionExpression=condition, ConsistentRead=True)
    return [str(item["sk"]).rpartition("#")[2] for page in answer for item in page]


def rows(table: Table, whose: str, days: Days) -> Iterator[DayRow]:
    """The rows of these days, strongly consistent."""
    span = Key("sk").between(f"{days.first.isoformat()}#", f"{days.last.isoformat()}#~")
    for month in months_of(days):
        condition = Key("pk").eq(_days_pk(whose, month)) & span
        for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
            yield from (from_item(DayRow, item) for item in page)


def _growing_key(consumer_id: str, session_id: str) -> Item:
    return {"pk": _GROWING, "sk": f"{consumer_id}#{session_id}"}


def _days_pk(whose: str, day: date) -> str:
    return f"DAYS#{whose}#{day:%Y-%m}"
