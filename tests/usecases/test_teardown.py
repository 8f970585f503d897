"""Ending: asked for until it is proven."""

from __future__ import annotations

import pytest

from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import State
from gpu_shopper.errors import IllegalTransition
from gpu_shopper.errors.provider import ProviderUnavailable
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.teardown import ask, prove
from tests.usecases.story import DONE, running, stop, torn_down
from tests.world import ALICE, World


def test_a_stop_before_the_launch_ends_at_the_first_step(world: World) -> None:
    """M-107: nothing was sent, so nothing needs to be proven."""
    session_id = world.create().session.id
    stop(world, session_id)
    assert ask(world.deps, session_id, 1) == DONE
    ended = world.session(session_id)
    assert (ended.state, ended.attempt.outcome) == (State.STOPPED, Outcome.REFUSED)
    assert world.vast.calls == []


def test_a_teardown_never_gives_up_while_the_provider_is_down(world: World) -> None:
    """M-103, N-21: an hour of errors, one alarm's worth of failure, then proof."""
    session_id = running(world)
    stop(world, session_id)
    for method in ("terminate", "find", "list_instances"):
        world.vast.errors[method] = [ProviderUnavailable("down")]
    started = world.clock.at
    while (world.clock.at - started).total_seconds() < 3_600:
        result = ask(world.deps, session_id, 1)
        assert result.wait_s <= 50
        world.clock.tick(result.wait_s)
        assert prove(world.deps, session_id, 1).outcome == "ask"
    assert world.operations().count("destroy_failing") == 1
    assert world.session(session_id).state is State.STOPPING
    world.vast.errors.clear()
    torn_down(world, session_id)
    assert world.session(session_id).state is State.STOPPED


def test_a_teardown_counts_as_failed_after_its_tenth_round_without_proof(world: World) -> None:
    """6.1: 275 s of waiting, not one round before; once, also when a step is delivered twice."""
    session_id = running(world)
    world.vast.ignores_terminate = True
    stop(world, session_id)
    waited_s = 0
    for _ in range(10):
        wait_s = ask(world.deps, session_id, 1).wait_s
        world.clock.tick(wait_s)
        waited_s += wait_s
        prove(world.deps, session_id, 1)
    assert (waited_s, world.operations().count("destroy_failing")) == (275, 0)
    ask(world.deps, session_id, 1)
    ask(world.deps, session_id, 1)
    assert world.operations().count("destroy_failing") == 1


def test_evidence_younger_than_a_minute_after_launch_does_not_count(world: World) -> None:
    """2.11: listings lag; the same evidence counts at 60 s."""
    session_id = running(world)
    stop(world, session_id)
    ask(world.deps, session_id, 1)
    world.clock.tick(59)
    assert prove(world.deps, session_id, 1).outcome == "ask"
    world.clock.tick(1)
    assert prove(world.deps, session_id, 1).outcome == "done"


def test_a_terminate_that_is_accepted_and_ignored_is_asked_again(world: World) -> None:
    """2.11: accepted is not gone."""
    session_id = running(world)
    stop(world, session_id)
    world.vast.ignores_terminate = True
    world.clock.tick(60)
    for _ in range(3):
        world.clock.tick(ask(world.deps, session_id, 1).wait_s)
        assert prove(world.deps, session_id, 1).outcome == "ask"
    world.vast.ignores_terminate = False
    torn_down(world, session_id)
    assert world.vast.count("terminate") == 4


def test_stopping_twice_is_one_stop(world: World) -> None:
    """M-6: one teardown, one audit event."""
    session_id = running(world)
    stop(world, session_id)
    stop(world, session_id)
    assert world.operations().count("session_stopping") == 1
    assert world.machines.names() == ["provision-r0", "teardown-r0"]


def test_an_ended_session_refuses_done_and_shows_itself_to_delete(world: World) -> None:
    """M-27: nothing more happens to it."""
    session_id = world.create().session.id
    stop(world, session_id)
    torn_down(world, session_id)
    with pytest.raises(IllegalTransition):
        stop(world, session_id)
    assert sessions.destroy(world.deps, ALICE, session_id).state is State.STOPPED


@pytest.mark.parametrize("method", ["find", "list_instances"])
def test_one_source_that_fails_leaves_no_evidence(world: World, method: str) -> None:
    """N-19, X-11: the machine is gone, and still only both together prove it."""
    session_id = running(world)
    world.clock.tick(60)
    stop(world, session_id)
    ask(world.deps, session_id, 1)
    world.vast.errors[method] = [ProviderUnavailable("down")]
    assert prove(world.deps, session_id, 1).outcome == "ask"
    assert world.session(session_id).state is State.STOPPING
    world.vast.errors.clear()
    assert prove(world.deps, session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPED
