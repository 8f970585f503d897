"""What a session costs while it goes on, and that its rows are whole when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.costs import Stray, session_cost
from gpu_shopper.core.life import evolve
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.store import cost_days, costs
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.costs import cost_of, costs_in
from gpu_shopper.usecases.ledger import accrue, accrue_costs
from tests.builders import NOON, SESSION_ID, a_session, an_attempt, later
from tests.world import ALICE, World

DAY = date(2026, 2, 7)
NEXT = date(2026, 2, 8)


def a_live_one(world: World, launched_at: datetime = NOON) -> Session:
    """At $0.40 an hour."""
    session = a_session(version=1, attempts=(an_attempt(launched_at=launched_at),))
    store.create(world.deps.sessions, session, session.expires_at)
    return session


def end(world: World, session: Session, at: datetime) -> Session:
    attempts = (replace(session.attempt, ended_at=at),)
    after = evolve(session, at, state=State.STOPPED, stopped_at=at, attempts=attempts)
    store.save(world.deps.sessions, session, after, None)
    return after


def spent(world: World, whose: str | None, *days: date) -> int:
    return costs_in(world.deps, whose, Days(days[0], days[-1])).microusd


def rows(world: World, *days: date) -> int:
    """Micro-dollars in rows of days."""
    found = cost_days.rows(world.deps.costs, "*", Days(days[0], days[-1]))
    return sum(share.microusd for row in found for share in row.shares)


def test_a_day_that_goes_on_is_told_and_gets_its_row_when_the_next_begins(world: World) -> None:
    """N-42, M-39: for the consumer and for all, on each day, over a day's end and after the end."""
    session = a_live_one(world, launched_at=later(41_400))
    accrue(world.deps, session, later(43_200))
    assert spent(world, "alice", DAY) == spent(world, None, DAY) == 200_000
    assert spent(world, "alice", NEXT) == spent(world, "bob", DAY) == rows(world, DAY) == 0
    accrue(world.deps, session, later(45_000))
    assert spent(world, "alice", DAY) == rows(world, DAY) == 200_000
    assert spent(world, "alice", NEXT) == spent(world, None, NEXT) == 200_000
    assert spent(world, "alice", DAY, NEXT) == 400_000
    assert rows(world, NEXT) == 0
    accrue(world.deps, end(world, session, later(46_800)), later(46_800))
    assert spent(world, "alice", DAY, NEXT) == rows(world, DAY, NEXT) == 600_000


def test_a_session_that_is_over_has_all_its_rows(world: World) -> None:
    """N-40, BUG-064: nothing is left with its booking, whatever was booked before its end."""
    session = a_live_one(world)
    for at_s in (60, 3_599, 3_600, 3_601, 5_000):
        accrue(world.deps, session, later(at_s))
        assert cost_days.listed(world.deps.costs, "alice") == [SESSION_ID]
    ended = end(world, session, later(7_201))
    accrue(world.deps, ended, later(7_201))
    account = costs.account(world.deps.costs, SESSION_ID)
    assert account.growing is None
    assert [row.seconds for row in account.hours.values()] == [3_600, 3_600, 1]
    assert cost_days.listed(world.deps.costs, "*") == []
    assert rows(world, DAY) == session_cost(ended, later(7_201))


def an_orphan(world: World, ended: Session) -> None:
    """A second machine of an ended session, at its price, since `later(60)`."""
    stray = Stray(
        attempt=1,
        provider="vastai",
        instance_id="9001",
        gpu_type="RTX 4090",
        microusd_per_hour=400_000,
        since=later(60),
    )
    costs.see_stray(world.deps.costs, ended.id, stray)
    store.unsettle(world.deps.sessions, ended)


def test_an_orphan_makes_the_last_day_grow_again_until_it_is_gone(world: World) -> None:
    """N-42: the day is told as it grows, once, and has its row in the end."""
    session = a_live_one(world)
    ended = end(world, session, later(60))
    accrue(world.deps, ended, later(60))
    before = rows(world, DAY)
    an_orphan(world, ended)
    world.clock.at = later(3_660)
    accrue_costs(world.deps)
    assert costs.account(world.deps.costs, SESSION_ID).growing is not None
    assert spent(world, "alice", DAY) == spent(world, None, DAY) == before + 400_000
    assert rows(world, DAY) == before
    world.clock.at = later(3_960)
    end_stray(world, later(3_660))
    accrue_costs(world.deps)
    assert spent(world, "alice", DAY) == rows(world, DAY) == before + 400_000
    assert cost_days.listed(world.deps.costs, "*") == []


def end_stray(world: World, at: datetime) -> None:
    """The orphan's end is proven, which was never seen again."""
    costs.end_stray(world.deps.costs, SESSION_ID, "vastai", "9001", at, seen_at=at)


def test_an_orphans_end_is_booked_by_a_run_that_began_before_the_last_booking(
    world: World,
) -> None:
    """N-42: two runs overlap; the older one comes last, and leaves nothing unbooked."""
    session = a_live_one(world)
    ended = end(world, session, later(60))
    an_orphan(world, ended)
    accrue(world.deps, ended, later(600))
    end_stray(world, later(660))
    accrue(world.deps, ended, later(599))
    assert cost_of(world.deps, ALICE, SESSION_ID).seconds == 60 + 600
    assert cost_of(world.deps, ALICE, SESSION_ID).final
    assert costs.account(world.deps.costs, SESSION_ID).growing is None
    assert list(store.unsettled(world.deps.sessions)) == []


def test_an_older_version_says_nothing_of_an_orphans_end(world: World) -> None:
    """N-42: who knows the later version will."""
    session = a_live_one(world)
    ended = end(world, session, later(60))
    an_orphan(world, ended)
    accrue(world.deps, replace(ended, version=ended.version + 1), later(600))
    told = costs.booked(world.deps.costs, [SESSION_ID])
    end_stray(world, later(660))
    accrue(world.deps, ended, later(700))
    assert costs.booked(world.deps.costs, [SESSION_ID]) == told
