"""The drain: an orderly end under `preserve` leaves the machine, for a while and no longer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.instances import Health, SshAddress
from gpu_shopper.core.session import Outcome, StoragePolicy
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import IllegalTransition
from gpu_shopper.errors.provider import ProviderUnavailable
from gpu_shopper.usecases import extending, sessions
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.teardown import ask, prove
from tests.builders import ADDRESS, later
from tests.usecases.story import DONE, running, stop, torn_down
from tests.world import ALICE, World

PRESERVE: dict[str, Any] = {"storage_policy": StoragePolicy.PRESERVE}


def draining(world: World, **wish: Any) -> str:
    """A session whose caller was done with it at NOON, and which drains."""
    session_id = running(world, **PRESERVE, **wish)
    stop(world, session_id)
    assert world.session(session_id).drains
    return session_id


def test_a_machine_stays_until_the_drain_is_over_and_is_then_ended_within_a_minute(
    world: World,
) -> None:
    """N-48: ten minutes unless said otherwise, and not a second before."""
    session_id = draining(world)
    session = world.session(session_id)
    assert (session.state, session.end_reason) == (State.STOPPING, EndReason.USER_REQUESTED)
    assert session.drain_until == later(600)
    assert session.attempt.ssh == ADDRESS
    world.clock.tick(599)
    assert expire_sessions(world.deps).handled == 0
    assert "teardown-r0" not in world.machines.names()
    world.clock.tick(1)
    assert expire_sessions(world.deps).handled == 1
    assert world.machines.names()[-1] == "teardown-r0"
    torn_down(world, session_id)
    ended = world.session(session_id)
    assert (ended.state, ended.attempt.outcome) == (State.STOPPED, Outcome.READY)
    assert ended.drain_until == later(600)
    assert world.vast.instances == {}


@pytest.mark.parametrize("minutes", [1, 30])
def test_the_caller_says_how_long_the_machine_stays(world: World, minutes: int) -> None:
    """N-48, X-17: storage_policy and drain_minutes do what they say."""
    session_id = draining(world, drain_min=minutes)
    assert world.session(session_id).drain_until == later(minutes * 60)


def test_an_expired_session_drains_too(world: World) -> None:
    """N-48: the expiry is an orderly end."""
    session_id = running(world, **PRESERVE)
    world.clock.tick(7_200)
    expire_sessions(world.deps)
    session = world.session(session_id)
    assert (session.end_reason, session.drain_until) == (EndReason.EXPIRED, later(7_800))
    assert "teardown-r0" not in world.machines.names()
    assert world.operations().count("session_expired") == 1


def test_the_start_of_a_drain_is_told_once_with_its_end(world: World) -> None:
    """6.3: besides the event that the session stops."""
    session_id = draining(world)
    stop(world, session_id)
    assert world.operations().count("session_stopping") == 1
    (told,) = [one for one in world.facts if one.operation == "drain_started"]
    assert told.details == {"drain_until": "2026-02-07T12:10:00.000Z"}
    assert (told.session_id, told.key_id) == (session_id, ALICE.key_id)


def test_no_drain_passes_the_hard_max(world: World) -> None:
    """N-48: a session that is done at 11 h 55 min stays for five minutes."""
    session_id = running(world, **PRESERVE)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.tick(11 * 3_600 + 55 * 60)
    stop(world, session_id)
    session = world.session(session_id)
    assert session.drain_until == session.hard_max_at == later(12 * 3_600)
    world.clock.tick(300)
    expire_sessions(world.deps)
    assert world.machines.names()[-1] == "teardown-r0"


def test_a_session_at_its_hard_max_does_not_drain(world: World) -> None:
    """2.15: hard_max goes before expire, and `done` comes too late for a drain."""
    session_id = running(world, **PRESERVE)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.tick(12 * 3_600)
    stop(world, session_id)
    session = world.session(session_id)
    assert (session.is_tearing_down, session.drain_until) == (True, None)


def test_the_hard_max_takes_the_machine_at_once(world: World) -> None:
    """2.15."""
    session_id = running(world, **PRESERVE)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.tick(12 * 3_600)
    expire_sessions(world.deps)
    session = world.session(session_id)
    assert (session.end_reason, session.drains) == (EndReason.HARD_MAX, False)
    assert world.machines.names()[-1] == "teardown-r0"


def test_under_destroy_an_end_takes_the_machine_at_once(world: World) -> None:
    """N-48: the default."""
    session_id = running(world)
    stop(world, session_id)
    session = world.session(session_id)
    assert (session.is_tearing_down, session.drain_until) == (True, None)
    assert world.machines.names()[-1] == "teardown-r0"


def test_a_session_that_never_ran_has_nothing_to_drain(world: World) -> None:
    """1.4: after `done` or expiry of a running session."""
    session_id = world.create(**PRESERVE).session.id
    stop(world, session_id)
    assert world.session(session_id).is_tearing_down


def test_a_machine_that_failed_is_not_drained(world: World) -> None:
    """2.15: instance_died never drains."""
    session_id = running(world, **PRESERVE)
    machine = world.vast.instances["5001"]
    world.vast.instances["5001"] = replace(machine, health=Health.FAILED)
    for _ in range(11):
        reconcile(world.deps, "vastai")
        world.clock.tick(60)
    session = world.session(session_id)
    assert (session.end_reason, session.drains) == (EndReason.INSTANCE_STOPPED, False)


def test_a_delete_takes_the_machine_of_a_running_session_at_once(world: World) -> None:
    """N-48: whatever its policy."""
    session_id = running(world, **PRESERVE)
    sessions.destroy(world.deps, ALICE, session_id)
    session = world.session(session_id)
    assert (session.is_tearing_down, session.drain_until) == (True, None)
    assert world.machines.names()[-1] == "teardown-r0"


def test_a_delete_ends_an_open_drain_once(world: World) -> None:
    """N-48: at once, and however often it is sent."""
    session_id = draining(world)
    world.clock.tick(100)
    for _ in range(3):
        sessions.destroy(world.deps, ALICE, session_id)
    session = world.session(session_id)
    assert (session.is_tearing_down, session.drain_until) == (True, later(100))
    assert world.machines.names().count("teardown-r0") == 1
    assert world.operations().count("drain_ended") == 1
    assert world.operations().count("session_stopping") == 1
    assert session.end_reason is EndReason.USER_REQUESTED


def test_done_does_not_end_a_drain_and_the_session_is_not_extended(world: World) -> None:
    """1.4: nothing new starts."""
    session_id = draining(world)
    version = world.session(session_id).version
    stop(world, session_id)
    assert world.session(session_id).version == version
    with pytest.raises(IllegalTransition):
        extending.extend(world.deps, ALICE, session_id, 1)


def test_a_teardown_that_comes_too_early_does_nothing(world: World) -> None:
    """2.15: no step ends the machine before the drain is over."""
    session_id = draining(world)
    assert ask(world.deps, session_id, 1) == DONE
    assert prove(world.deps, session_id, 1) == DONE
    assert world.vast.count("terminate") == 0


def test_the_reconciler_leaves_a_draining_machine_alone(world: World) -> None:
    """X-4, N-48: it is no orphan, also when it fails, and its new address is learnt."""
    session_id = draining(world)
    moved = SshAddress("203.0.113.99", 1022, "root")
    machine = world.vast.instances["5001"]
    world.vast.instances["5001"] = replace(machine, health=Health.FAILED, ssh=moved)
    for _ in range(15):
        assert reconcile(world.deps, "vastai").orphans == 0
        world.clock.tick(60)
    assert world.vast.count("terminate") == 0
    assert world.session(session_id).attempt.ssh == moved


def test_a_machine_that_vanishes_in_its_drain_is_proven_gone_after_it(world: World) -> None:
    """2.11, I2: never taken for a ghost; its absence is proven as ever."""
    session_id = draining(world)
    world.vast.instances.clear()
    for _ in range(10):
        reconcile(world.deps, "vastai")
        assert world.session(session_id).state is State.STOPPING
        world.clock.tick(60)
    expire_sessions(world.deps)
    torn_down(world, session_id)
    assert world.session(session_id).state is State.STOPPED
    assert "ghost_detected" not in world.operations()


def test_an_end_counts_as_late_from_the_end_of_its_drain(world: World) -> None:
    """2.11: five minutes after drain_until, not after `done`."""
    session_id = draining(world)
    world.vast.errors["terminate"] = [ProviderUnavailable("down")]
    world.clock.tick(600)
    expire_sessions(world.deps)
    for _ in range(29):
        ask(world.deps, session_id, 1)
        world.clock.tick(10)
        expire_sessions(world.deps)
    assert "destroy_delayed" not in world.operations()
    world.clock.tick(10)
    expire_sessions(world.deps)
    assert world.operations().count("destroy_delayed") == 1


def test_a_drain_whose_teardown_never_began_is_looked_at_again(world: World) -> None:
    """N-30: a minute after the sweep that ended it."""
    session_id = draining(world)
    world.clock.tick(600)
    expire_sessions(world.deps)
    world.clock.tick(59)
    expire_sessions(world.deps)
    assert world.machines.names()[-1] == "teardown-r0"
    world.clock.tick(1)
    expire_sessions(world.deps)
    assert world.machines.names()[-1] == "teardown-r1"
    assert world.session(session_id).state is State.STOPPING


def test_a_drain_is_paid_for(world: World) -> None:
    """N-41: until the machine is proven gone."""
    session_id = draining(world)
    world.clock.tick(600)
    expire_sessions(world.deps)
    torn_down(world, session_id)
    attempt = world.session(session_id).attempt
    assert attempt.ended_at is not None
    assert attempt.ended_at >= later(600)
