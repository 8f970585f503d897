"""The ledger: what each session has cost, by the hour, and by the day for those who ask.

pk SESSION#<id>  sk BOOKED                           how far it is booked; the last hour and day
pk SESSION#<id>  sk HOUR#<instant>                   what it cost in one UTC hour
pk SESSION#<id>  sk STRAY#<provider>#<instance id>   an orphan with its label

Days have rows of their own (`cost_days`). All that one booking changes is one write. While a
session goes on costing, its last hour and day change each time: they are with BOOKED, and get
their rows when the next begin, or at the end. Rows are kept for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.costs import Growing, HourRow, Share, Stray, day_shares
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Session
from gpu_shopper.errors import Conflict
from gpu_shopper.store import cost_days
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.cost_days import DayRow
from gpu_shopper.store.paging import pages
from gpu_shopper.store.transactions import Action, Cancelled, Delete, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BATCH = 100
READS = 3
"""Of an account of which only a part of a booking is seen; a booking is written in milliseconds."""

_BOOKED = "BOOKED"
_STRAY = "STRAY#"
_UNTIL = {"#until": "until"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """How far a session is booked: up to `through`, as its version `session_version` tells it.

    `writes` counts the writes of this item; `microusd` and `seconds` are the sums of the rows,
    `has_strays` says that an orphan goes on costing, `growing` has what is not in rows yet.
    `reserved_microusd` is the session's part of what its consumer's account has committed.
    """

    session_id: str
    consumer_id: str
    writes: int
    session_version: int
    through: datetime
    microusd: int
    seconds: int
    has_strays: bool = False
    reserved_microusd: int = 0
    growing: Growing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is booked of one session; `booked` is None before the first booking.

    `hours` have rows of their own; one that grows may have an old one. `strays` are its orphans,
    which are billed to it.
    """

    booked: Booked | None = None
    hours: Mapping[datetime, HourRow] = field(default_factory=dict)
    strays: tuple[Stray, ...] = ()

    @property
    def growing(self) -> Growing | None:
        """The last hour and day, while they have no rows."""
        return self.booked.growing if self.booked else None

    @property
    def rows(self) -> dict[datetime, HourRow]:
        """What the session has cost, by hour."""
        last = self.growing
        return {**self.hours, last.hour.hour: last.hour} if last else dict(self.hours)

    @property
    def is_whole(self) -> bool:
        """Whether these are the rows that the booking added up."""
        told = (self.booked.microusd, self.booked.seconds) if self.booked else (0, 0)
        rows = self.rows.values()
        return told == (sum(row.microusd for row in rows), sum(row.seconds for row in rows))

    @property
    def is_open(self) -> bool:
        """Whether an orphan goes on costing."""
        return any(stray.until is None for stray in self.strays)


def account(table: Table, session_id: str) -> Account:
    """What is booked of the session, strongly consistent, and as one booking left it.

    A query is no transaction: it may find some items of a booking that is being written, and not
    the others. Whoever went on from there would move the missing hours to the budget once more.
    """
    found = _account(table, session_id)
    for _ in range(READS - 1):
        if found.is_whole:
            break
        found = _account(table, session_id)
    return found


def _account(table: Table, session_id: str) -> Account:
    booked, hours, strays = None, {}, []
    for item in _items(table, Key("pk").eq(_session_pk(session_id))):
        if item["sk"] == _BOOKED:
            booked = from_item(Booked, item)
        elif str(item["sk"]).startswith(_STRAY):
            strays.append(from_item(Stray, item))
        else:
            row = from_item(HourRow, item)
            hours[row.hour] = row
    return Account(booked=booked, hours=hours, strays=tuple(strays))


def booked(table: Table, session_ids: Iterable[str]) -> dict[str, Booked]:
    """How far each of these sessions is booked; one that never was is left out."""
    found: dict[str, Booked] = {}
    for some in batched(session_ids, BATCH):
        keys: Any = [{"pk": _session_pk(one), "sk": _BOOKED} for one in some]
        while keys:
            wanted: Any = {table.name: {"Keys": keys, "ConsistentRead": True}}
            answer: Any = table.meta.client.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(table.name, []):
                one = from_item(Booked, item)
                found[one.session_id] = one
            keys = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])
    return found


def nothing_booked(session: Session) -> Booked:
    """What is booked of a session before the first booking."""
    return Booked(
        session_id=session.id,
        consumer_id=session.consumer_id,
        writes=0,
        session_version=0,
        through=session.created_at,
        microusd=0,
        seconds=0,
    )


def noting(table: Table, before: Booked | None, after: Booked) -> Put:
    """Write `after` over `before`, and over nothing else; for a transaction."""
    as_read = Attr("writes").eq(before.writes) if before else Attr("pk").not_exists()
    return Put(_booked_item(after), as_read, table)


def book(table: Table, before: Account, after: Account, also: Sequence[Action] = ()) -> None:
    """Write what `after` has otherwise than `before`, the days that this changes, and `also`.

    Raises: Conflict when somebody else booked meanwhile; then nothing is written.
    """
    if after.booked is None:
        raise ValueError("a booking says how far it goes")
    actions: list[Action] = [noting(table, before.booked, after.booked), *also]
    actions += _hours(before, after)
    actions += _days(before, after, after.booked)
    try:
        write_all(table, actions)
    except Cancelled as exc:
        session_id = after.booked.session_id
        raise Conflict(f"session {session_id} was booked meanwhile", retry_suggested=True) from exc


def see_stray(table: Table, session_id: str, stray: Stray) -> None:
    """Bill this orphan to the session from its beginning; one that came back was never gone."""
    key = _stray_key(session_id, stray.provider, stray.instance_id)
    failed = table.meta.client.exceptions.ConditionalCheckFailedException
    try:
        table.put_item(Item=key | to_item(stray), ConditionExpression=Attr("pk").not_exists())
    except failed:
        table.update_item(
            Key=key, UpdateExpression="REMOVE #until", ExpressionAttributeNames=_UNTIL
        )


def end_stray(
    table: Table,
    session_id: str,
    provider: str,
    instance_id: str,
    at: datetime,
    *,
    seen_at: datetime,
) -> bool:
    """Bill this orphan to `at` and no further; False when no session was billed for it.

    An end that is written stays, unless the orphan was last seen, at `seen_at`, after that: it
    came back, and nobody lived to write that down.
    """
    key = _stray_key(session_id, provider, instance_id)
    was_open = Attr("until").not_exists() | Attr("until").lt(to_text(seen_at))
    try:
        table.update_item(
            Key=key,
            UpdateExpression="SET #until = :at",
            ConditionExpression=Attr("pk").exists() & was_open,
            ExpressionAttributeNames=_UNTIL,
            ExpressionAttributeValues={":at": to_text(at)},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return "Item" in table.get_item(Key=key, ConsistentRead=True)
    return True


def days(table: Table, whose: str, first: date, last: date) -> Iterator[DayRow]:
    """What the sessions of consumer `whose`, or of EVERYBODY, cost on these days, both included.

    All that was booked before the call, and each day of a session as it was at some instant of it:
    what has no row when the bookings are read has one when rows are, or is with its booking.
    """
    growing = _growing_days(table, whose, Days(first, last))
    for row in cost_days.rows(table, whose, Days(first, last)):
        yield growing.pop((row.day, row.session_id), row)
    yield from growing.values()


def _growing_days(table: Table, whose: str, days: Days) -> dict[tuple[date, str], DayRow]:
    """Days that are with a booking, by day and session, as the rows that they would be."""
    told = booked(table, cost_days.listed(table, whose)).values()
    return {
        (one.growing.day, one.session_id): _day_row(one, one.growing.day, one.growing.day_shares)
        for one in told
        if one.growing and days.first <= one.growing.day <= days.last
    }


def _hours(before: Account, after: Account) -> list[Action]:
    """Each hour that is otherwise than its row, but for the one that grows."""
    pk = _session_pk(after.booked.session_id) if after.booked else ""
    grows = after.growing.hour.hour if after.growing else None
    rows = after.rows
    gone = [hour for hour in before.hours if hour not in rows]
    return [
        *(
            Put({"pk": pk, "sk": _hour_sk(hour)} | to_item(row))
            for hour, row in rows.items()
            if hour != grows and row != before.hours.get(hour)
        ),
        *(Delete({"pk": pk, "sk": _hour_sk(hour)}) for hour in gone),
    ]


def _days(before: Account, after: Account, told: Booked) -> list[Action]:
    """Each day that is otherwise than its row, but for the one that grows."""
    old, new = day_shares(before.rows.values()), day_shares(after.rows.values())
    grew = before.growing.day if before.growing else None
    grows = after.growing.day if after.growing else None
    actions: list[Action] = []
    for day in sorted(old | new):
        if day != grows and (day == grew or old.get(day) != new.get(day)):
            actions += cost_days.writing(_day_row(told, day, new.get(day, ())))
    if grows and not grew:
        actions.append(cost_days.listing(told.consumer_id, told.session_id))
    if grew and not grows:
        actions.append(cost_days.unlisting(told.consumer_id, told.session_id))
    return actions


def _day_row(told: Booked, day: date, shares: tuple[Share, ...]) -> DayRow:
    return DayRow(day=day, session_id=told.session_id, consumer_id=told.consumer_id, shares=shares)


def _booked_item(told: Booked) -> Item:
    return {"pk": _session_pk(told.session_id), "sk": _BOOKED} | to_item(told)


def _stray_key(session_id: str, provider: str, instance_id: str) -> Item:
    return {"pk": _session_pk(session_id), "sk": f"{_STRAY}{provider}#{instance_id}"}


def _session_pk(session_id: str) -> str:
    return f"SESSION#{session_id}"


def _hour_sk(hour: datetime) -> str:
    return f"HOUR#{to_text(hour)}"


def _items(table: Table, condition: Any) -> Iterator[Item]:
    """Every item of a query, strongly consistent."""
    for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
        yield from page
