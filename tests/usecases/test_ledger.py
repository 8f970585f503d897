"""The ledger: rows of hours and days, booked every five minutes and at every end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_shopper.core.costs import HourRow, hour_rows, session_cost
from gpu_shopper.core.life import evolve
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.store import costs
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import ledger
from gpu_shopper.usecases.ledger import accrue, accrue_costs
from tests.builders import NOON, a_session, an_attempt, later
from tests.usecases.story import running, stop, torn_down
from tests.world import World, a_world

DAY = date(2026, 2, 7)


def booked_rows(world: World, session_id: str) -> tuple[HourRow, ...]:
    rows = costs.account(world.deps.costs, session_id).rows
    return tuple(rows[hour] for hour in sorted(rows))


def counted(world: World) -> int:
    """Micro-dollars that the metric has grown by."""
    return round(sum(fact.metrics.get("CostAccrued", 0) for fact in world.facts) * 1_000_000)


def of_days(world: World, whose: str, first: date = DAY, last: date = DAY) -> int:
    rows = costs.days(world.deps.costs, whose, first, last)
    return sum(share.microusd for row in rows for share in row.shares)


def a_running_one(world: World, **changes: Any) -> Session:
    """A running session in the store, its machine accepted at NOON."""
    session = a_session(version=1, **changes)
    store.create(world.deps.sessions, session, session.expires_at)
    return session


def test_the_job_books_what_a_live_session_has_cost_by_the_hour(world: World) -> None:
    """N-41: one row for each UTC hour, up to the run."""
    session = a_running_one(world)
    world.clock.at = later(5_400)
    assert accrue_costs(world.deps).sessions == 1
    assert [(row.seconds, row.microusd) for row in booked_rows(world, session.id)] == [
        (3_600, 400_000),
        (1_800, 200_000),
    ]
    told = costs.booked(world.deps.costs, [session.id])[session.id]
    assert (told.through, told.microusd, told.seconds) == (later(5_400), 600_000, 5_400)


def test_runs_repeated_and_late_change_nothing_and_are_counted_once(world: World) -> None:
    """N-42, M-64, QA-M3: the metric grows by what is new, however often rows are written."""
    session = a_running_one(world)
    world.clock.at = later(600)
    for _ in range(3):
        accrue_costs(world.deps)
    assert counted(world) == 66_667
    accrue(world.deps, session, later(300))
    world.clock.at = later(1_200)
    accrue_costs(world.deps)
    (row,) = booked_rows(world, session.id)
    assert (row.seconds, row.microusd) == (1_200, 133_333)
    assert counted(world) == 133_333


def test_ten_jobs_at_once_make_one_row_for_each_hour(world: World) -> None:
    """QA-M3, M-53: parallel runs: one row, the same total, counted once."""
    session = a_running_one(world)
    world.clock.at = later(600)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: accrue_costs(world.deps), range(10)))
    (row,) = booked_rows(world, session.id)
    assert row.microusd == of_days(world, "alice") == of_days(world, "*") == counted(world)
    assert row.microusd == 66_667


def test_an_end_is_booked_at_once(world: World) -> None:
    """BUG-064: price x billed seconds, without waiting for the job."""
    session_id = running(world)
    world.clock.tick(300)
    stop(world, session_id)
    torn_down(world, session_id)
    ended = world.session(session_id)
    assert not ended.is_live
    total = sum(row.microusd for row in booked_rows(world, session_id))
    assert total == session_cost(ended, world.clock.at) > 0
    assert list(store.unsettled(world.deps.sessions)) == []


def test_an_end_that_could_not_be_booked_is_booked_by_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-42: hours missed are caught up; the end itself does not wait for the ledger."""
    session_id = running(world)
    world.clock.tick(300)

    def broken(*_: object) -> bool:
        raise RuntimeError("throttled")

    with monkeypatch.context() as patched:
        patched.setattr("gpu_shopper.store.costs.book", broken)
        stop(world, session_id)
        torn_down(world, session_id)
    assert not world.session(session_id).is_live
    assert booked_rows(world, session_id) == ()
    assert "cost_not_booked" in world.operations()
    assert list(store.unsettled(world.deps.sessions)) == [session_id]
    accrue_costs(world.deps)
    ended = world.session(session_id)
    assert booked_rows(world, session_id) == hour_rows(ended, world.clock.at)
    assert list(store.unsettled(world.deps.sessions)) == []


def test_a_launch_that_rented_nothing_has_no_row(world: World) -> None:
    """BUG-064, X-10: no row when no machine ever existed."""
    session = a_running_one(
        world,
        state=State.PENDING,
        attempts=(an_attempt(launched_at=None, instance_id=None),),
    )
    world.clock.at = later(600)
    accrue_costs(world.deps)
    assert booked_rows(world, session.id) == ()
    assert counted(world) == 0
    assert list(costs.days(world.deps.costs, "*", DAY, DAY)) == []


def test_an_older_version_of_a_session_is_not_booked_over_a_newer(world: World) -> None:
    """N-42: a run that read the session before its end says nothing after it."""
    session = a_running_one(world)
    ended = replace(
        evolve(session, later(60)), attempts=(an_attempt(ended_at=later(60)),), state=State.STOPPED
    )
    accrue(world.deps, ended, later(61))
    accrue(world.deps, session, later(5_000))
    assert booked_rows(world, session.id) == hour_rows(ended, later(61))


def test_an_end_proven_for_a_past_instant_takes_back_what_was_booked_too_much(
    world: World,
) -> None:
    """M-64: also the metric; an hour in which nothing is left to bill has no row."""
    session = a_running_one(world)
    accrue(world.deps, session, later(3_601))
    assert len(booked_rows(world, session.id)) == 2
    ended = replace(
        evolve(session, later(3_602)),
        attempts=(an_attempt(ended_at=later(3_600)),),
        state=State.STOPPED,
    )
    accrue(world.deps, ended, later(3_602))
    assert [row.seconds for row in booked_rows(world, session.id)] == [3_600]
    assert counted(world) == of_days(world, "*") == 400_000


def test_a_day_that_is_not_billed_any_more_has_no_row(world: World) -> None:
    session = a_running_one(world, attempts=(an_attempt(launched_at=later(43_199)),))
    accrue(world.deps, session, later(43_201))
    assert of_days(world, "*", date(2026, 2, 8), date(2026, 2, 8)) > 0
    ended = replace(
        evolve(session, later(43_202)),
        attempts=(an_attempt(launched_at=later(43_199), ended_at=later(43_200)),),
        state=State.STOPPED,
    )
    accrue(world.deps, ended, later(43_202))
    assert list(costs.days(world.deps.costs, "*", date(2026, 2, 8), date(2026, 2, 8))) == []
    assert of_days(world, "alice") == of_days(world, "*") == 111


def test_more_hours_than_one_write_takes_are_booked_in_several(world: World) -> None:
    """N-42: after days without a run."""
    session = a_running_one(world)
    hours = 3 * ledger.MOST_HOURS + 1
    assert accrue(world.deps, session, later(hours * 3_600))
    assert len(booked_rows(world, session.id)) == hours
    assert of_days(world, "alice", DAY, date(2026, 2, 28)) == hours * 400_000
    assert counted(world) == hours * 400_000


def test_days_are_found_over_months_and_by_consumer(world: World) -> None:
    """N-42: totals by consumer and day agree with those of all."""
    january = datetime.fromisoformat("2025-12-31T23:59:50Z")
    attempt = an_attempt(launched_at=january, ended_at=january + timedelta(seconds=20))
    alices = a_session(attempts=(attempt,))
    bobs = replace(alices, id="00000000-0000-4000-8000-000000000002", consumer_id="bob")
    for session in (alices, bobs):
        assert accrue(world.deps, session, NOON)
    for whose, times in (("alice", 1), ("bob", 1), ("*", 2), ("carol", 0)):
        days = list(costs.days(world.deps.costs, whose, date(2025, 12, 31), date(2026, 1, 1)))
        assert len(days) == 2 * times
        assert of_days(world, whose, date(2025, 12, 31), date(2025, 12, 31)) == 1_111 * times
        assert of_days(world, whose, date(2025, 11, 1), date(2026, 2, 7)) == 2_222 * times
        assert of_days(world, whose, date(2026, 1, 2), date(2026, 2, 7)) == 0


def test_a_session_whose_booking_fails_keeps_no_other_from_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-53: one failure does not stop the rest, and is told."""
    broken, whole = a_running_one(world), world.create_without_offer(7)
    book = costs.book

    def sometimes(table: Any, before: Any, after: Any, also: Any) -> None:
        if after.booked.session_id == broken.id:
            raise RuntimeError("broken")
        book(table, before, after, also)

    monkeypatch.setattr("gpu_shopper.store.costs.book", sometimes)
    accrued = accrue_costs(world.deps)
    assert (accrued.sessions, accrued.failed) == (1, (broken.id,))
    assert set(costs.booked(world.deps.costs, [broken.id, whole.id])) == {whole.id}


def test_a_mark_for_a_later_version_stays(world: World) -> None:
    """What is written after the booking is booked by the next run."""
    session = a_running_one(world)
    ended = replace(evolve(session, NOON), state=State.STOPPED)
    store.save(world.deps.sessions, session, ended, None)
    store.settle(world.deps.sessions, replace(ended, version=ended.version - 1))
    assert list(store.unsettled(world.deps.sessions)) == [session.id]
    store.settle(world.deps.sessions, ended)
    assert list(store.unsettled(world.deps.sessions)) == []


@pytest.fixture(scope="module")
def books() -> Iterator[World]:
    with a_world() as world:
        yield world


_NEXT = iter(range(100_000))


@given(
    st.permutations([(version, at_s) for version in (1, 2, 3) for at_s in (40, 3_700, 7_300)]),
    st.integers(1, 8_000),
)
@settings(max_examples=30, deadline=None)
def test_bookings_in_any_order_and_doubled_give_equal_rows(
    books: World, order: list[tuple[int, int]], ended_s: int
) -> None:
    """N-42, CRIT-2: the newest version's rows, and days and metric that agree with them."""
    session_id = f"00000000-0000-4000-9000-{next(_NEXT):012x}"
    books.facts.clear()
    live = a_session(id=session_id, consumer_id=session_id[-12:], version=1)
    dearer = replace(live, version=2, attempts=(an_attempt(price_microusd_per_hour=500_001),))
    last = an_attempt(price_microusd_per_hour=500_001, ended_at=later(ended_s))
    ended = replace(dearer, version=3, attempts=(last,), state=State.STOPPED)
    for version, at_s in [*order, order[0]]:
        accrue(books.deps, {1: live, 2: dearer, 3: ended}[version], later(at_s))
    assert booked_rows(books, session_id) == hour_rows(ended, later(7_300))
    total = session_cost(ended, later(7_300))
    assert total == of_days(books, live.consumer_id) == counted(books)
