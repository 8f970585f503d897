"""Days of sessions that go on costing are told by their bookings, whoever books while one asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Key
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_shopper.core.costs import HourRow, Share, day_shares, growing
from gpu_shopper.store import costs
from gpu_shopper.store.codec import to_item
from gpu_shopper.store.cost_days import EVERYBODY
from gpu_shopper.store.costs import Account, Booked
from gpu_shopper.store.transactions import write_all
from tests.simulation.rows import rows_of
from tests.simulation.tables import MemoryTable
from tests.template.cfn import table_definitions

CONSUMERS = ("al", "alice")
"""One's name begins the other's."""

EVENING = datetime(2026, 1, 31, 22, tzinfo=UTC)
"""Two hours before a day and a month end."""

ROW = {"pk": "SESSION#of-alice", "sk": "HOUR#"} | to_item(
    HourRow(
        hour=EVENING, shares=(Share(provider="vastai", gpu_type="H100", seconds=1, microusd=1),)
    )
)

FIRST, LAST = date(2026, 1, 31), date(2026, 2, 1)

type Told = dict[tuple[date, str], int]


@dataclass(frozen=True)
class Booking:
    """Micro-dollars by hour after EVENING; the last of them, or one that an older version wrote."""

    session: int
    hours: tuple[tuple[int, int], ...]
    is_last: bool
    is_older: bool = False

    @property
    def rows(self) -> dict[datetime, HourRow]:
        made = (
            HourRow(
                hour=EVENING + timedelta(hours=number),
                shares=(Share(provider="vastai", gpu_type="H100", seconds=1, microusd=microusd),),
            )
            for number, microusd in self.hours
        )
        return {row.hour: row for row in made}


HOURS = st.dictionaries(st.integers(0, 4), st.integers(1, 9), max_size=3)
BOOKINGS = st.builds(
    Booking, st.integers(0, 1), HOURS.map(lambda hours: tuple(hours.items())), st.booleans()
)


@dataclass
class Ledger:
    """A table in memory, what is to be booked, and what was true after each booking."""

    todo: list[Booking]
    between: list[int] = field(default_factory=list)
    truths: list[Told] = field(default_factory=lambda: [{}])

    def __post_init__(self) -> None:
        rows = rows_of(table_definitions()["CostsTable"])
        rows.page_items = 1
        self.table: Any = MemoryTable(rows)
        self.asked: Any = MemoryTable(rows, self._around)

    def _around(self, _operation: str, effect: Callable[[], Any]) -> Any:
        """Others book before each step of whoever asks."""
        self.book(self.between.pop() if self.between else 0)
        return effect()

    def book(self, number: int) -> None:
        for _ in range(min(number, len(self.todo))):
            self._book(self.todo.pop(0))

    def _book(self, booking: Booking) -> None:
        consumer_id = CONSUMERS[booking.session]
        before = costs.account(self.table, f"of-{consumer_id}")
        told = before.booked or Booked(
            session_id=f"of-{consumer_id}",
            consumer_id=consumer_id,
            writes=0,
            session_version=1,
            through=EVENING,
            microusd=0,
            seconds=0,
        )
        rows = booking.rows
        last = None if booking.is_last or booking.is_older else growing(rows.values())
        after = replace(
            told,
            writes=told.writes + 1,
            growing=last,
            microusd=sum(row.microusd for row in rows.values()),
            seconds=sum(row.seconds for row in rows.values()),
        )
        costs.book(self.table, before, Account(booked=after, hours=rows))
        assert costs.account(self.table, f"of-{consumer_id}").rows == rows
        others = {key: cost for key, cost in self.truths[-1].items() if key[1] != consumer_id}
        own = {
            (day, consumer_id): shares[0].microusd
            for day, shares in day_shares(rows.values()).items()
        }
        self.truths.append(others | own)

    def ask(self, whose: str, first: date = FIRST, last: date = LAST) -> Told:
        rows = list(costs.days(self.asked, whose, first, last))
        told = {(row.day, row.consumer_id): row.shares[0].microusd for row in rows}
        assert len(told) == len(rows), "each day of a session is told once"
        return told


def true_of(truth: Told, whose: str) -> Told:
    return {key: cost for key, cost in truth.items() if whose in (EVERYBODY, key[1])}


@given(st.lists(BOOKINGS, max_size=12), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_days_are_what_was_booked_after_any_bookings(made: list[Booking], older: int) -> None:
    """N-42: by consumer, by day and of all; the first of them were made by an older version."""
    made[:older] = [replace(one, is_older=True) for one in made[:older]]
    ledger = Ledger(made)
    while True:
        for whose in (*CONSUMERS, EVERYBODY):
            truth = true_of(ledger.truths[-1], whose)
            assert ledger.ask(whose) == truth
            for day in (FIRST, LAST):
                on_day = {key: cost for key, cost in truth.items() if key[0] == day}
                assert ledger.ask(whose, day, day) == on_day
        if not ledger.todo:
            break
        ledger.book(1)


@given(
    st.lists(BOOKINGS, min_size=2, max_size=12),
    st.integers(0, 12),
    st.lists(st.integers(0, 2), max_size=10),
    st.sampled_from([*CONSUMERS, EVERYBODY]),
)
@settings(max_examples=400, deadline=None)
def test_each_day_that_is_told_was_true_while_it_was_asked_for(
    made: list[Booking], first: int, between: list[int], whose: str
) -> None:
    """N-42: bookings, ends, corrections and orphans between any two reads; nothing counts twice."""
    ledger = Ledger(made)
    ledger.book(first)
    begun = len(ledger.truths) - 1
    ledger.between = between
    told = ledger.ask(whose)
    seen = [true_of(truth, whose) for truth in ledger.truths[begun:]]
    for key in {*told, *(key for truth in seen for key in truth)}:
        assert told.get(key) in {truth.get(key) for truth in seen}, (key, told, seen)


def _writes(ledger: Ledger, monkeypatch: Any) -> Iterator[set[str]]:
    """The rows that each booking writes, by the first word of their keys."""
    for _ in range(len(ledger.todo)):
        written: list[Any] = []

        def noted(table: Any, actions: Any, written: list[Any] = written) -> None:
            written += actions
            write_all(table, actions)

        monkeypatch.setattr("gpu_shopper.store.costs.write_all", noted)
        ledger.book(1)
        keys = [getattr(one, "item", None) or one.key for one in written]
        yield {str(key["sk"] if key["pk"][:4] == "SESS" else key["pk"])[:8] for key in keys}


def test_a_booking_writes_no_row_of_an_hour_or_a_day_that_goes_on(monkeypatch: Any) -> None:
    """Each write costs two of DynamoDB's units: rows are for what is over."""
    later = [((0, 1),), ((0, 2),), ((0, 3), (1, 1)), ((0, 3), (1, 2)), ((0, 3), (1, 3), (2, 1))]
    ledger = Ledger([Booking(1, hours, is_last=False) for hours in later])
    ledger.todo.append(Booking(1, later[-1], is_last=True))
    assert list(_writes(ledger, monkeypatch)) == [
        {"BOOKED", "GROWING"},
        {"BOOKED"},
        {"BOOKED", "HOUR#202"},
        {"BOOKED"},
        {"BOOKED", "HOUR#202", "DAYS#ali", "DAYS#*#2"},
        {"BOOKED", "HOUR#202", "DAYS#ali", "DAYS#*#2", "GROWING"},
    ]


def test_more_sessions_than_one_read_takes_are_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("gpu_shopper.store.costs.BATCH", 1)
    ledger = Ledger([Booking(number, ((0, 1),), is_last=False) for number in (0, 1)])
    ledger.book(2)
    assert ledger.ask(EVERYBODY) == {(FIRST, "al"): 1, (FIRST, "alice"): 1}


def test_half_of_a_booking_is_read_again(monkeypatch: Any) -> None:
    """M-39: its missing hour would be spent twice. DynamoDB's queries see single items of it."""
    ledger = Ledger([Booking(1, hours, is_last=False) for hours in (((0, 3),), ((0, 3), (1, 1)))])
    ledger.book(2)
    items = list(costs._items(ledger.table, Key("pk").eq("SESSION#of-alice")))
    booked = [item for item in items if item["sk"] == "BOOKED"]
    seen = [booked, [one for one in items if one not in booked], items]
    monkeypatch.setattr("gpu_shopper.store.costs._items", lambda *_: seen.pop(0))
    whole = costs.account(ledger.table, "of-alice")
    assert [row.microusd for row in whole.rows.values()] == [3, 1]
    assert seen == []


def test_an_account_that_never_adds_up_is_told_as_it_is(monkeypatch: Any) -> None:
    """Its rows are computed anew with the next booking: waiting would end nothing."""
    seen = [[ROW]] * costs.READS
    monkeypatch.setattr("gpu_shopper.store.costs._items", lambda *_: seen.pop())
    assert costs.account(Ledger([]).table, "of-alice").hours.keys() == {EVENING}
    assert seen == []
