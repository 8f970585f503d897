"""The /costs routes: whose costs, which days, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.costs import Stray
from gpu_shopper.core.life import evolve
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.store import sessions as store
from gpu_shopper.store.costs import see_stray
from gpu_shopper.usecases.ledger import accrue, accrue_costs
from tests.builders import NOON, a_session, an_attempt, later
from tests.functions.calls import CONSUMER, OPERATOR, Client, Reply
from tests.functions.rentals import UNKNOWN
from tests.world import World

PATH = "/api/v1/costs"
ALICES = "00000000-0000-4000-8000-00000000000a"
BOBS = "00000000-0000-4000-8000-00000000000b"


def ask(client: Client, caller: Any = CONSUMER, **query: Any) -> Reply:
    return client("GET", PATH, query=query, caller=caller)


@pytest.fixture
def billed(wired: World) -> World:
    """Alice has rented for 90 s over an hour's end, bob an H100 at noon for an hour; booked."""
    alices = a_session(
        id=ALICES,
        version=1,
        attempts=(an_attempt(launched_at=later(3_540), price_microusd_per_hour=360_000),),
    )
    h100 = an_attempt(gpu_type="H100", offer_id="vastai-2", price_microusd_per_hour=2_000_000)
    bobs = a_session(id=BOBS, consumer_id="bob", version=1, attempts=(h100,))
    for session in (alices, bobs):
        store.create(wired.deps.sessions, session, session.expires_at)
    end(wired, alices, 3_630)
    end(wired, bobs, 3_600)
    wired.clock.at = later(4_000)
    accrue_costs(wired.deps)
    return wired


def end(world: World, session: Session, at_s: int) -> None:
    accrue(world.deps, end_unbooked(world, session, at_s), later(at_s))


def end_unbooked(world: World, session: Session, at_s: int) -> Session:
    attempts = (replace(session.attempt, ended_at=later(at_s)),)
    changed = {"state": State.STOPPED, "stopped_at": later(at_s), "attempts": attempts}
    after = evolve(session, later(at_s), **changed)
    store.save(world.deps.sessions, session, after, None)
    return after


def test_a_session_s_cost_is_what_is_booked_of_it(billed: World, costs: Client) -> None:
    """N-40, M-51: micro-dollars to the second; hours_used is a number of four decimals."""
    assert ask(costs, session_id=ALICES).json == {
        "session_id": ALICES,
        "total_cost": 0.009,
        "currency": "USD",
        "hours_used": 0.025,
        "final": True,
        "accrued_through": "2026-02-07T13:00:30.000Z",
    }


def test_sessions_show_the_cost_that_the_ledger_has(
    billed: World, costs: Client, sessions: Client
) -> None:
    for session_id, caller in ((ALICES, CONSUMER), (BOBS, OPERATOR)):
        told = ask(costs, caller, session_id=session_id).json
        shown = sessions("GET", f"/api/v1/sessions/{session_id}", caller=caller).json
        assert (shown["cost_usd"], shown["cost_through"]) == (
            told["total_cost"],
            told["accrued_through"],
        )
        assert sum(one["cost_usd"] for one in shown["attempts"]) == shown["cost_usd"]
        (listed,) = [
            one
            for one in sessions("GET", "/api/v1/sessions", caller=caller).json["sessions"]
            if one["id"] == session_id
        ]
        assert listed["cost_usd"] == shown["cost_usd"]


@pytest.mark.parametrize("booked_to_s", [None, 600])
def test_an_end_that_is_not_booked_yet_is_told_by_the_session(
    wired: World, costs: Client, sessions: Client, booked_to_s: int | None
) -> None:
    """M-63, BUG-064: whoever reads between the end and its booking never sees too little."""
    session = a_session(id=ALICES, version=1)
    store.create(wired.deps.sessions, session, session.expires_at)
    if booked_to_s:
        accrue(wired.deps, session, later(booked_to_s))
    end_unbooked(wired, session, 1_800)
    shown = sessions("GET", f"/api/v1/sessions/{ALICES}").json
    told = ask(costs, session_id=ALICES).json
    assert shown["status"] == "stopped"
    assert shown["cost_usd"] == shown["attempts"][0]["cost_usd"] == told["total_cost"] == 0.2
    assert shown["cost_through"] == shown["stopped_at"] == told["accrued_through"]
    assert (told["hours_used"], told["final"]) == (0.5, False)


def test_orphans_that_are_booked_already_stay_counted_until_the_end_is_booked(
    wired: World, costs: Client
) -> None:
    session = a_session(id=ALICES, version=1)
    store.create(wired.deps.sessions, session, session.expires_at)
    orphan = Stray(
        attempt=1,
        provider="vastai",
        instance_id="77",
        gpu_type="H100",
        microusd_per_hour=3_600_000,
        since=NOON,
    )
    see_stray(wired.deps.costs, ALICES, orphan)
    accrue(wired.deps, session, later(1_700))
    end_unbooked(wired, session, 1_800)
    assert ask(costs, session_id=ALICES).json["total_cost"] > 1.7


def test_a_session_that_has_no_row_has_cost_nothing_yet(wired: World, costs: Client) -> None:
    """M-49: 200 with total 0."""
    session = wired.create_without_offer(1)
    told = ask(costs, session_id=session.id).json
    assert (told["total_cost"], told["hours_used"], told["final"]) == (0, 0, False)


def test_a_live_session_s_cost_is_not_final(wired: World, costs: Client) -> None:
    session = a_session(version=1)
    store.create(wired.deps.sessions, session, session.expires_at)
    wired.clock.at = later(1_800)
    accrue_costs(wired.deps)
    told = ask(costs, session_id=session.id).json
    assert (told["total_cost"], told["final"]) == (0.2, False)
    assert told["accrued_through"] == "2026-02-07T12:30:00.000Z"


@pytest.mark.parametrize("session_id", [UNKNOWN, "not-a-uuid", BOBS])
def test_a_session_that_is_not_the_callers_is_not_found(
    billed: World, costs: Client, session_id: str
) -> None:
    """M-49: unknown or foreign: 404."""
    reply = ask(costs, session_id=session_id)
    assert (reply.status, reply.json["error_type"]) == (404, "session_not_found")


def test_a_session_of_another_consumer_than_the_one_named_is_not_found(
    billed: World, costs: Client
) -> None:
    assert ask(costs, OPERATOR, session_id=BOBS, consumer_id="alice").status == 404
    assert ask(costs, OPERATOR, session_id=BOBS, consumer_id="bob").status == 200


def test_an_operator_sees_what_all_cost_and_a_consumer_its_own(
    billed: World, costs: Client
) -> None:
    """N-42: totals by consumer, provider and GPU type agree."""
    everybody = ask(costs, OPERATOR).json
    assert everybody == {
        "total_cost": 2.009,
        "currency": "USD",
        "session_count": 2,
        "hours_used": 1.025,
        "by_provider": {"vastai": 2.009},
        "by_gpu_type": {"H100": 2.0, "RTX 4090": 0.009},
        "period_start": "2026-02-01T00:00:00.000Z",
        "period_end": "2026-03-01T00:00:00.000Z",
        "accrued_through": "2026-02-07T13:06:40.000Z",
    }
    own = ask(costs).json
    assert (own["consumer_id"], own["total_cost"], own["session_count"]) == ("alice", 0.009, 1)
    assert (
        own
        == ask(costs, OPERATOR, consumer_id="alice").json
        == ask(costs, consumer_id="alice").json
    )
    assert costs("GET", f"{PATH}/summary").json == own
    assert costs("GET", f"{PATH}/summary", caller=OPERATOR).json == everybody


def test_nobody_sees_another_consumers_costs(billed: World, costs: Client) -> None:
    for path in (PATH, f"{PATH}/summary"):
        reply = costs("GET", path, query={"consumer_id": "bob"})
        assert (reply.status, reply.json["error_type"]) == (403, "forbidden")
    assert ask(costs, consumer_id="bob", session_id=BOBS).status == 403


def test_before_anything_was_booked_there_is_no_instant(wired: World, costs: Client) -> None:
    """M-10: an unknown instant is absent."""
    told = ask(costs).json
    assert (told["total_cost"], told["session_count"], told["by_provider"]) == (0, 0, {})
    assert "accrued_through" not in told


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({"start_date": "2026-02-07", "end_date": "2026-02-07"}, 2.009),
        ({"start_date": "2026-02-08", "end_date": "2026-02-09"}, 0),
        ({"start_date": "2026-02-01", "end_date": "2026-02-06"}, 0),
        ({"end_date": "2026-02-07"}, 2.009),
        ({"start_date": "2026-02-08"}, 0),
        ({"period": "daily"}, 2.009),
        ({"period": "daily", "start_date": "2026-02-06"}, 0),
        ({"period": "monthly", "start_date": "2026-02-28"}, 2.009),
        ({"period": "monthly", "start_date": "2026-03-01"}, 0),
        ({"start_date": "2025-02-07", "end_date": "2026-02-07"}, 2.009),
    ],
)
def test_only_the_days_asked_for_count(
    billed: World, costs: Client, query: dict[str, str], total: float
) -> None:
    """M-39, M-10: both dates are included."""
    assert ask(costs, OPERATOR, **query).json["total_cost"] == total


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"start_date": "01/02/2026"}, "start_date"),
        ({"end_date": "2026-02-30"}, "end_date"),
        ({"end_date": "2026-2-3"}, "end_date"),
        ({"end_date": "20260203"}, "end_date"),
        ({"end_date": "0001-01-01"}, "end_date"),
        ({"start_date": ""}, "start_date"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date"),
        ({"start_date": "2025-02-06", "end_date": "2026-02-07"}, "end_date"),
        ({"period": "monthly", "end_date": "2026-02-01"}, "end_date"),
        ({"session_id": UNKNOWN, "start_date": "2026-02-01"}, "start_date"),
        ({"session_id": UNKNOWN, "end_date": "2026-02-01"}, "end_date"),
        ({"session_id": UNKNOWN, "period": "daily"}, "period"),
        ({"consumer_id": "a b"}, "consumer_id"),
        ({"day": "today"}, "day"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    wired: World, costs: Client, query: dict[str, str], field: str
) -> None:
    """QA-M5, M-39."""
    reply = ask(costs, **query)
    assert (reply.status, reply.json["error_type"], reply.fields) == (
        400,
        "validation_error",
        [field],
    )


def test_an_unknown_period_is_refused_with_those_there_are(wired: World, costs: Client) -> None:
    """M-56."""
    reply = ask(costs, period="weekly")
    assert (reply.status, reply.fields) == (400, ["period"])
    assert "daily, monthly" in reply.json["error"]


def test_the_summary_takes_no_dates(wired: World, costs: Client) -> None:
    reply = costs("GET", f"{PATH}/summary", query={"start_date": "2026-02-01"})
    assert (reply.status, reply.fields) == (400, ["start_date"])
