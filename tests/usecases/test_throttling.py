"""Launches that our own spacing held back."""

from __future__ import annotations

from gpu_shopper.core.session import LaunchState
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import RateLimited, TooSoon
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.inventory import get_offer
from gpu_shopper.usecases.provision import launch
from tests.world import World

HELD_BACK = TooSoon("the line is long", retry_after_s=9)


def test_a_launch_that_was_held_back_is_sent_later(world: World) -> None:
    """2.9: surely nothing is rented, so no label is looked for."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [HELD_BACK, None]
    assert launch(world.deps, session_id, 1) == StepResult("launch", 9)
    waiting = world.session(session_id)
    assert (waiting.state, waiting.attempt.launch) == (State.PROVISIONING, LaunchState.THROTTLED)
    world.clock.tick(9)
    assert launch(world.deps, session_id, 1).outcome == "look"
    assert world.session(session_id).attempt.instance_id == "5001"


def test_waiting_for_a_turn_is_no_try(world: World) -> None:
    """2.9: the three repeats are for what the provider itself refuses."""
    session_id = world.create().session.id
    refused = RateLimited("slow down")
    world.vast.errors["launch"] = [*[HELD_BACK] * 6, refused, HELD_BACK, refused, refused, None]
    outcomes = []
    for _ in range(11):
        result = launch(world.deps, session_id, 1)
        outcomes.append(result.outcome)
        world.clock.tick(result.wait_s)
    assert outcomes == ["launch"] * 10 + ["look"]


def test_a_launch_waits_for_its_turn_for_five_minutes_at_most(world: World) -> None:
    """2.9: as long as an attempt may be without an instance; then nothing was rented."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [TooSoon("the line is long", retry_after_s=60)]
    began = world.clock.at
    while (result := launch(world.deps, session_id, 1)).outcome == "launch":
        world.clock.tick(result.wait_s)
        world.publish()
    assert (world.clock.at - began).total_seconds() == 300
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, EndReason.PROVIDER_UNAVAILABLE)


def test_the_offer_is_not_blamed_for_our_haste(world: World) -> None:
    """2.5, 2.4: nobody judged it."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [HELD_BACK]
    launch(world.deps, session_id, 1)
    assert get_offer(world.deps, "vastai", "vastai-1001").confidence == 0.9
    assert "offer_failed" not in world.operations()
