"""A session from request to proven end: who may do what, and for how long."""

from __future__ import annotations

import pytest

from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import (
    DuplicateSession,
    HardMaxExceeded,
    IllegalTransition,
    OfferNotFound,
    PriceAboveMax,
    ProviderNotUsable,
    SessionNotFound,
    StaleInventory,
)
from gpu_shopper.usecases import extending, sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeProbe
from tests.usecases.story import DONE, VERIFY, running, stop, torn_down
from tests.world import ALICE, BOB, World


def test_a_session_is_launched_verified_used_stopped_and_proven_gone(world: World) -> None:
    """M-8: the whole life, with the machine gone before the session is."""
    session_id = world.create().session.id
    assert launch(world.deps, session_id, 1).outcome == "look"
    assert look(world.deps, session_id, 1) == VERIFY
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.RUNNING
    sessions.request_stop(world.deps, ALICE, session_id)
    torn_down(world, session_id)
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.STOPPED, EndReason.USER_REQUESTED)
    assert world.vast.instances == {}
    assert ended.stopped_at == world.clock.at
    assert ended.probe_key_sealed is None


def test_a_consumer_holds_an_offer_once_until_its_session_stops(world: World) -> None:
    """M-47: also after our own rental took the offer off the list."""
    first = world.create().session
    with pytest.raises(DuplicateSession) as refused:
        world.create()
    assert refused.value.extra["session_id"] == first.id
    launch(world.deps, first.id, 1)
    with pytest.raises(DuplicateSession):
        world.create()
    with pytest.raises(StaleInventory):
        world.create(BOB)
    stop(world, first.id)
    world.clock.tick(1)
    world.publish()
    assert world.create().session.id != first.id


def test_an_offer_is_refused_by_age_by_absence_and_by_price(world: World) -> None:
    """M-110, N-77: and nothing is left behind."""
    with pytest.raises(OfferNotFound):
        world.create(offer_id="vastai-9")
    with pytest.raises(PriceAboveMax):
        world.create(max_price_microusd_per_hour=399_999)
    world.create(max_price_microusd_per_hour=400_000)
    world.clock.tick(601)
    with pytest.raises(ProviderNotUsable):
        world.create(BOB)


def test_extensions_stop_at_twelve_hours_in_all(world: World) -> None:
    """M-7, X-7: 2 + 10 passes, one more does not, however young the session is."""
    session_id = running(world)
    longer = extending.extend(world.deps, ALICE, session_id, 10)
    assert longer.reservation_hours == 12
    assert (longer.expires_at - longer.created_at).total_seconds() == 12 * 3_600
    with pytest.raises(HardMaxExceeded):
        extending.extend(world.deps, ALICE, session_id, 1)


def test_an_extension_needs_a_running_session_that_has_not_expired(world: World) -> None:
    """M-18: at expires_at it is too late, one second before it is not."""
    session_id = running(world)
    world.clock.tick(7_199)
    extending.extend(world.deps, ALICE, session_id, 1)
    world.clock.tick(3_601)
    with pytest.raises(IllegalTransition):
        extending.extend(world.deps, ALICE, session_id, 1)


def test_somebody_elses_session_does_not_exist(world: World) -> None:
    """M-1: reading, stopping and extending alike."""
    session_id = running(world)
    for act in (sessions.get, sessions.request_stop, sessions.destroy):
        with pytest.raises(SessionNotFound):
            act(world.deps, BOB, session_id)
    with pytest.raises(SessionNotFound):
        extending.extend(world.deps, BOB, session_id, 1)
