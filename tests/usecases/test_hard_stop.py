"""The second line: a session's own timer ends it at its hard max if no sweep did."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gpu_shopper.core.deadlines import hard_stop_at
from gpu_shopper.core.session import Session, StoragePolicy
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import extending
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.hard_stop import HardStopped, hard_stop
from gpu_shopper.usecases.provision import launch
from tests.builders import SETTINGS, a_session, later
from tests.usecases.story import running, stop, torn_down
from tests.world import ALICE, World

HARD_MAX_S = 12 * 3_600
FIRST_S = HARD_MAX_S + 120
UNKNOWN = "00000000-0000-4000-8000-00000000ffff"


def timers(world: World) -> list[datetime]:
    return sorted(at for _, at in world.hard_stops.timers)


def with_hard_max(world: World, session_id: str, hard_max_at: datetime) -> None:
    """As an override leaves the session."""
    before = world.session(session_id)
    after = replace(before, version=before.version + 1, hard_max_at=hard_max_at)
    store.save(world.deps.sessions, before, after, hard_max_at)


@pytest.mark.parametrize(
    ("now_s", "at_s"),
    [
        (0, FIRST_S),
        (FIRST_S - 1, FIRST_S),
        (FIRST_S, FIRST_S + 300),
        (FIRST_S + 299, FIRST_S + 300),
        (FIRST_S + 300, FIRST_S + 600),
    ],
)
def test_a_timer_comes_after_the_sweep_and_then_every_five_minutes(now_s: int, at_s: int) -> None:
    """2.15: at whole seconds that do not depend on who asks."""
    assert hard_stop_at(a_session(), later(now_s), SETTINGS) == later(at_s)


def test_a_timer_is_never_before_its_instant() -> None:
    """A schedule knows whole seconds only."""
    session: Session = a_session(hard_max_at=later(HARD_MAX_S + 0.001))
    assert hard_stop_at(session, later(0), SETTINGS) == later(FIRST_S + 1)


def test_the_timer_is_set_before_the_provider_hears_of_the_session(world: World) -> None:
    """Write before you rent."""
    session_id = world.create().session.id
    assert timers(world) == []
    launch(world.deps, session_id, 1)
    assert world.hard_stops.timers == {(session_id, later(FIRST_S))}


def test_nothing_is_rented_without_a_timer_and_the_session_fails_as_one_that_never_began(
    world: World,
) -> None:
    """0013: the step raises, its machine tries again, and the sweep gives up after two minutes."""
    session_id = world.create().session.id
    world.hard_stops.broken = RuntimeError("no schedules today")
    with pytest.raises(RuntimeError):
        launch(world.deps, session_id, 1)
    assert (world.session(session_id).state, world.vast.calls) == (State.PENDING, [])
    world.clock.tick(120)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.PROVISION_TIMEOUT


def test_a_timer_that_can_be_set_again_lets_the_launch_go_on(world: World) -> None:
    session_id = world.create().session.id
    world.hard_stops.broken = RuntimeError("no schedules for a moment")
    with pytest.raises(RuntimeError):
        launch(world.deps, session_id, 1)
    world.hard_stops.broken = None
    assert launch(world.deps, session_id, 1).outcome == "look"


def test_without_any_sweep_a_session_ends_at_its_hard_max(world: World) -> None:
    """M-7, I8: by the same transition, counted once, and its machine is proven gone."""
    session_id = running(world)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.at = timers(world)[0]
    assert hard_stop(world.deps, session_id) == HardStopped(live=True, handled=True)
    session = world.session(session_id)
    assert (session.state, session.end_reason) == (State.STOPPING, EndReason.HARD_MAX)
    assert world.operations().count("hard_max_enforced") == 1
    assert world.machines.names()[-1] == "teardown-r0"
    torn_down(world, session_id)
    assert world.session(session_id).state is State.STOPPED


def test_a_timer_goes_on_until_the_end_is_proven(world: World) -> None:
    """2.11: also the execution that it started may die."""
    session_id = running(world)
    world.clock.at = later(FIRST_S)
    hard_stop(world.deps, session_id)
    assert later(FIRST_S + 300) in timers(world)
    world.clock.tick(300)
    assert hard_stop(world.deps, session_id).handled
    assert world.machines.names()[-1] == "teardown-r1"
    torn_down(world, session_id)
    world.clock.tick(600)
    before = timers(world)
    assert hard_stop(world.deps, session_id) == HardStopped(live=False)
    assert timers(world) == before


def test_a_timer_is_set_again_although_the_look_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else may come."""
    session_id = running(world)
    world.clock.at = later(FIRST_S)

    def fails(*_given: object) -> bool:
        raise RuntimeError("a look that fails")

    monkeypatch.setattr("gpu_shopper.usecases.hard_stop.look_after", fails)
    with pytest.raises(RuntimeError, match="a look that fails"):
        hard_stop(world.deps, session_id)
    assert later(FIRST_S + 300) in timers(world)


def test_a_hard_max_that_was_moved_moves_the_timer_and_ends_nothing(world: World) -> None:
    """2.15: an override; the old timer fires, finds a later hard max, and sets the next."""
    session_id = running(world)
    with_hard_max(world, session_id, later(2 * HARD_MAX_S))
    version = world.session(session_id).version
    world.clock.at = later(FIRST_S)
    assert hard_stop(world.deps, session_id) == HardStopped(live=True)
    assert world.session(session_id).version == version
    assert timers(world)[-1] == later(2 * HARD_MAX_S + 120)


def test_a_timer_that_comes_late_or_twice_changes_nothing_more(world: World) -> None:
    """QA-C3: the end has begun once."""
    session_id = running(world)
    world.clock.at = later(FIRST_S)
    hard_stop(world.deps, session_id)
    version = world.session(session_id).version
    assert hard_stop(world.deps, session_id) == HardStopped(live=True)
    assert world.session(session_id).version == version
    assert world.operations().count("hard_max_enforced") == 1


def test_a_timer_ends_a_drain_that_no_sweep_ended(world: World) -> None:
    """N-48: never later than the hard max."""
    session_id = running(world, storage_policy=StoragePolicy.PRESERVE)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.tick(HARD_MAX_S - 60)
    stop(world, session_id)
    world.clock.at = later(FIRST_S)
    assert hard_stop(world.deps, session_id).handled
    assert world.session(session_id).is_tearing_down
    assert world.machines.names()[-1] == "teardown-r0"


def test_an_ended_session_has_no_timer(world: World) -> None:
    """Whoever proves the end removes it."""
    session_id = running(world)
    assert len(timers(world)) == 1
    stop(world, session_id)
    assert len(timers(world)) == 1
    torn_down(world, session_id)
    assert timers(world) == []


def test_a_timer_that_was_not_removed_finds_nothing_to_do(world: World) -> None:
    session_id = running(world)
    stop(world, session_id)
    torn_down(world, session_id)
    world.clock.at = later(FIRST_S)
    facts = len(world.facts)
    assert hard_stop(world.deps, session_id) == HardStopped(live=False)
    assert hard_stop(world.deps, UNKNOWN) == HardStopped(live=False)
    assert (timers(world), len(world.facts)) == ([], facts)


def test_a_timer_has_room_for_a_sweep_before_it() -> None:
    """One a minute, and each may take a minute."""
    assert timedelta(seconds=SETTINGS.hard_stop_margin_s) >= timedelta(minutes=2)
