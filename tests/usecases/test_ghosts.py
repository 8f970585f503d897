"""Ghosts: sessions whose machine is gone without our asking; proven, or left alone."""

from __future__ import annotations

import pytest

from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import Conflict
from gpu_shopper.errors.provider import BadProviderReply, ProviderUnavailable
from gpu_shopper.usecases.reconcile import reconcile
from tests.usecases.story import running
from tests.world import World


def vanished(world: World) -> str:
    """A running session, eleven minutes old, whose machine is not at the provider any more."""
    session_id = running(world)
    world.clock.tick(660)
    world.vast.instances.clear()
    return session_id


def test_a_ghost_needs_two_listings_thirty_seconds_apart(world: World) -> None:
    """N-22: at 29 s nothing, at 30 s the session ends as stopped."""
    session_id = vanished(world)
    reconcile(world.deps, "vastai")
    world.clock.tick(29)
    assert reconcile(world.deps, "vastai").ghosts == 0
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(1)
    assert reconcile(world.deps, "vastai").ghosts == 1
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.STOPPED, EndReason.GHOST)
    assert ended.attempt.outcome is Outcome.LOST
    assert world.operations().count("ghost_detected") == 1


def test_a_failed_listing_breaks_the_row_of_listings(world: World) -> None:
    """N-22, M-69: consecutive means consecutive."""
    session_id = vanished(world)
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.errors["list_instances"] = [BadProviderReply("half a page")]
    assert not reconcile(world.deps, "vastai").complete
    world.vast.errors.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert world.session(session_id).state is State.STOPPED


def test_a_pass_of_which_nobody_heard_breaks_the_row_of_listings(world: World) -> None:
    """N-22: its listing may have failed; at 100 s none is missing between two, at 101 s one may."""
    session_id = vanished(world)
    reconcile(world.deps, "vastai")
    world.clock.tick(101)
    assert reconcile(world.deps, "vastai").ghosts == 0
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(100)
    assert reconcile(world.deps, "vastai").ghosts == 1


def test_what_a_pass_saw_before_it_died_breaks_the_row_of_listings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-22: the machine was there in between, and nobody could write that down."""
    session_id = running(world)
    world.clock.tick(660)
    machine = world.vast.instances.pop("5001")
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.instances["5001"] = machine
    with monkeypatch.context() as patched:
        patched.setattr("gpu_shopper.usecases.reconcile.compare", _die)
        with pytest.raises(MemoryError):
            reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.instances.clear()
    assert reconcile(world.deps, "vastai").ghosts == 0
    assert world.session(session_id).state is State.RUNNING


def test_a_machine_that_is_there_again_breaks_the_row_though_its_session_changed_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-22: the write that takes the absence back may lose to another."""
    session_id = running(world)
    world.clock.tick(660)
    machine = world.vast.instances.pop("5001")
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.instances["5001"] = machine
    with monkeypatch.context() as patched:
        patched.setattr("gpu_shopper.usecases.reconcile.save", _lose)
        reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.instances.clear()
    assert reconcile(world.deps, "vastai").ghosts == 0
    assert world.session(session_id).state is State.RUNNING


def _lose(*_given: object) -> None:
    raise Conflict("somebody else wrote first", retry_suggested=True)


def _die(*_given: object) -> None:
    raise MemoryError


def test_a_lookup_that_finds_the_machine_makes_no_ghost(world: World) -> None:
    """N-22: missing from lists alone is not gone."""
    session_id = running(world)
    world.clock.tick(660)
    world.vast.unlisted.add("5001")
    for _ in range(5):
        reconcile(world.deps, "vastai")
        world.clock.tick(60)
    assert world.session(session_id).state is State.RUNNING


def test_a_lookup_that_fails_makes_no_ghost(world: World) -> None:
    """N-22: an error is not an answer."""
    session_id = vanished(world)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    for _ in range(5):
        reconcile(world.deps, "vastai")
        world.clock.tick(60)
    assert world.session(session_id).state is State.RUNNING


def test_a_young_session_makes_no_ghost(world: World) -> None:
    """N-22, M-69: listings may lag behind a launch."""
    session_id = running(world)
    world.vast.instances.clear()
    for _ in range(9):
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
    assert world.session(session_id).state is State.RUNNING


def test_a_machine_seen_again_is_not_missing_any_more(world: World) -> None:
    """N-22: the row begins anew."""
    session_id = running(world)
    world.clock.tick(660)
    machine = world.vast.instances.pop("5001")
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.instances["5001"] = machine
    reconcile(world.deps, "vastai")
    world.vast.instances.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert world.session(session_id).state is State.RUNNING
