"""Bookings beside charges, in the ledger's table: by session and day, and their totals.

pk CHARGES#<month>   sk <day>#<provider>#<session id>   one session at one provider on one UTC day
pk CHARGED#<month>   sk <day>#<provider>                all of that provider's sessions together

Written again with each comparison of the same day, over what was read and nothing else; kept for
good, as the ledger is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.comparing import Compared, Total
from gpu_shopper.core.cost_periods import Days, months_of
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.paging import pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """What one comparison of a provider's day came to.

    `version` counts the writes of the total that this one takes the place of.
    """

    day: date
    provider: str
    total: Total
    compared_at: datetime
    version: int = 0


def put(table: Table, row: Compared) -> bool:
    """Write the row over the version that it was made from; False when that is there no more."""
    return _put(table, {"pk": _rows_pk(row.day), "sk": position_of(row)}, row)


def put_total(table: Table, told: DayTotal) -> bool:
    """Write the total of a provider's day over the version that was read; False as `put`."""
    return _put(table, _total_key(told.day, told.provider), told)


def _put(table: Table, key: Item, value: Compared | DayTotal) -> bool:
    never = Attr("version").not_exists()
    as_read = Attr("version").eq(value.version) if value.version else never
    item = key | to_item(replace(value, version=value.version + 1))
    try:
        table.put_item(Item=item, ConditionExpression=as_read)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def total_version(table: Table, provider: str, day: date) -> int:
    """How often the total of the provider's day was written."""
    key = _total_key(day, provider)
    own = Key("pk").eq(key["pk"]) & Key("sk").eq(key["sk"])
    return next((from_item(DayTotal, one).version for one in _items(table, own)), 0)


def position_of(row: Compared) -> str:
    """Where the row stands among all: by day, provider and session."""
    return f"{row.day.isoformat()}#{row.provider}#{row.session_id}"


def of_day(table: Table, provider: str, day: date) -> list[Compared]:
    """Every row of the provider's day, strongly consistent."""
    own = Key("sk").begins_with(f"{day.isoformat()}#{provider}#")
    return [from_item(Compared, one) for one in _items(table, Key("pk").eq(_rows_pk(day)) & own)]


def rows(table: Table, days: Days, after: str | None = None) -> Iterator[Compared]:
    """The rows of these days in their order, those after position `after`."""
    first = f"{after}\x00" if after else f"{days.first.isoformat()}#"
    for month in months_of(days):
        if f"{month:%Y-%m}" < first[:7]:
            continue
        span = Key("sk").between(first, f"{days.last.isoformat()}#~")
        for item in _items(table, Key("pk").eq(_rows_pk(month)) & span):
            yield from_item(Compared, item)


def totals(table: Table, days: Days) -> Iterator[DayTotal]:
    """The totals of these days."""
    for month in months_of(days):
        span = Key("sk").between(f"{days.first.isoformat()}#", f"{days.last.isoformat()}#~")
        for item in _items(table, Key("pk").eq(f"CHARGED#{month:%Y-%m}") & span):
            yield from_item(DayTotal, item)


def _total_key(day: date, provider: str) -> Item:
    return {"pk": f"CHARGED#{day:%Y-%m}", "sk": f"{day.isoformat()}#{provider}"}


def _rows_pk(day: date) -> str:
    return f"CHARGES#{day:%Y-%m}"


def _items(table: Table, condition: Any) -> Iterator[Item]:
    for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
        yield from page
