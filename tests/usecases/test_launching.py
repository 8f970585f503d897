"""Launches: written before they are sent, sent once, looked up when unclear."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.core.instances import Instance
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.session import LaunchState, Outcome, Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import (
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
)
from gpu_shopper.usecases import provision
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.teardown import ask
from tests.builders import an_offer
from tests.usecases.story import DONE, LOOK, VERIFY, adopted_during, stop, torn_down
from tests.world import World


def test_the_attempt_and_its_label_are_written_before_the_provider_is_called(
    world: World,
) -> None:
    """X-27: at the moment of the call the store already knows the machine's label."""
    session_id = world.create().session.id
    seen = []
    world.vast.before["launch"] = lambda: seen.append(world.session(session_id))
    launch(world.deps, session_id, 1)
    (written,) = seen
    assert written.state is State.PROVISIONING
    assert written.attempt.launch is LaunchState.CALLED
    assert world.vast.calls[0] == ("launch", written.attempt.label)


def test_a_machine_costs_from_the_answer_on_and_not_from_its_last_key_on(world: World) -> None:
    """CRIT-1: costs are never below the bill."""
    session_id = world.create().session.id
    world.vast.keys_take_ms = 2_500
    world.clock.tick(10)
    launch(world.deps, session_id, 1)
    launched_at = world.session(session_id).attempt.launched_at
    assert launched_at == world.clock.at - timedelta(milliseconds=2_500)


def test_a_launch_delivered_twice_rents_once(world: World) -> None:
    """N-29: the second delivery finds the work done."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    assert launch(world.deps, session_id, 1).outcome == "look"
    assert world.vast.count("launch") == 1


def test_a_lost_launch_answer_is_looked_up_and_the_machine_adopted(world: World) -> None:
    """X-27: never a second launch."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.rents_despite_error = True
    assert launch(world.deps, session_id, 1).outcome == "look"
    assert look(world.deps, session_id, 1) == LOOK
    assert world.session(session_id).attempt.instance_id == "5001"
    assert "instance_adopted" in world.operations()
    assert look(world.deps, session_id, 1) == VERIFY
    assert world.vast.count("launch") == 1
    assert len(world.vast.keys["5001"]) == 2


def test_an_unclear_launch_that_rented_nothing_fails_after_two_listings(world: World) -> None:
    """N-19, M-105: 60 s after the call, and 30 s apart; not a listing earlier."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    launch(world.deps, session_id, 1)
    listings = 0
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        listings += 1
        if result.outcome == "done":
            break
        world.clock.tick(result.wait_s)
        assert listings < 20
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, EndReason.PROVIDER_UNAVAILABLE)
    assert (world.clock.at - ended.created_at).total_seconds() >= 90
    assert world.vast.count("launch") == 1


def test_an_unclear_launch_is_not_judged_while_listings_fail(world: World) -> None:
    """N-19: after five minutes the session is stopping, and still not over."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.errors["list_instances"] = [ProviderUnavailable("down")]
    launch(world.deps, session_id, 1)
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(look(world.deps, session_id, 1).wait_s)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (
        State.STOPPING,
        EndReason.PROVISION_TIMEOUT,
    )
    for _ in range(50):
        world.clock.tick(ask(world.deps, session_id, 1).wait_s)
    assert world.session(session_id).state is State.STOPPING
    world.vast.errors.clear()
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OfferGone("no_such_ask"), EndReason.STALE_INVENTORY),
        (NoCapacity("sold out"), EndReason.NO_CAPACITY),
        (ProviderAuth("bad key"), EndReason.PROVIDER_AUTH),
    ],
)
def test_a_definite_refusal_ends_the_session_at_once(
    world: World, error: Exception, reason: EndReason
) -> None:
    """M-8, X-10: nothing rented, nothing to pay."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [error]  # type: ignore[list-item]
    assert launch(world.deps, session_id, 1) == DONE
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, reason)
    assert ended.attempt.outcome is Outcome.REFUSED
    assert ended.attempt.launched_at is None
    assert world.machines.names() == ["provision-r0"]


def test_a_rate_limited_launch_is_tried_again_three_times_and_then_refused(world: World) -> None:
    """2.9: 5, 10, 20 s; a rate limit refuses before anything happens."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [RateLimited("slow down")]
    waits = []
    while (result := launch(world.deps, session_id, 1)).outcome == "launch":
        waits.append(result.wait_s)
        world.clock.tick(result.wait_s)
    assert waits == [5, 10, 20]
    assert world.vast.count("launch") == 4
    assert world.session(session_id).end_reason is EndReason.PROVIDER_UNAVAILABLE


def test_an_instance_rented_despite_an_error_is_torn_down(world: World) -> None:
    """2.9: the reply says error and names an instance."""
    session_id = world.create().session.id
    world.vast.rents_despite_error = True
    world.vast.errors["launch"] = [RentedDespiteError("low bid", instance_id="5001")]
    launch(world.deps, session_id, 1)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.attempt.instance_id) == (State.STOPPING, "5001")
    assert world.machines.names() == ["provision-r0", "teardown-r0"]


def test_a_stop_during_the_launch_call_keeps_the_id_and_ends_the_machine(world: World) -> None:
    """M-65, X-3: the answer comes after the stop; its machine is not forgotten."""
    session_id = world.create().session.id
    world.vast.before["launch"] = lambda: stop(world, session_id)
    launch(world.deps, session_id, 1)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.attempt.instance_id) == (State.STOPPING, "5001")
    torn_down(world, session_id)
    assert world.vast.instances == {}


def test_two_executions_at_once_launch_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """N-29: the second one wrote its intention while the first read the offer."""
    session_id = world.create().session.id
    real = provision._still_wanted

    def overtaken(deps: Deps, session: Session) -> Shown:
        monkeypatch.setattr(provision, "_still_wanted", real)
        launch(world.deps, session_id, 1)
        return real_before_it_was_withdrawn

    real_before_it_was_withdrawn = real(world.deps, world.session(session_id))
    monkeypatch.setattr(provision, "_still_wanted", overtaken)
    assert launch(world.deps, session_id, 1).outcome == "look"
    assert world.vast.count("launch") == 1


def test_a_second_call_after_a_rate_limit_starts_the_proof_anew(world: World) -> None:
    """N-19: listings made after the refused call say nothing about the one under way."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [RateLimited("slow down", retry_after_s=60)]
    world.clock.tick(launch(world.deps, session_id, 1).wait_s)
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    seen = []

    def stopped_and_judged() -> None:
        stop(world, session_id)
        for _ in range(3):
            ask(world.deps, session_id, 1)
            world.clock.tick(33)
        seen.append(world.session(session_id).state)

    world.vast.before["launch"] = stopped_and_judged
    world.vast.rents_despite_error = True
    launch(world.deps, session_id, 1)
    assert seen == [State.STOPPING]
    torn_down(world, session_id)
    assert world.vast.instances == {}


def test_a_refusal_is_worth_nothing_once_the_machine_was_found(world: World) -> None:
    """N-19, N-68: failed is not written beside a living machine."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [NoCapacity("sold out")]
    adopted_during(world, "launch", session_id)
    assert launch(world.deps, session_id, 1).outcome == "look"
    session = world.session(session_id)
    assert (session.state, session.attempt.instance_id) == (State.PROVISIONING, "5001")


def test_a_listing_is_worth_nothing_once_the_machine_was_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-19: the second listing without the label, and an adoption before it is written."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    launch(world.deps, session_id, 1)
    world.clock.tick(61)
    look(world.deps, session_id, 1)
    world.clock.tick(31)

    def empty_then_adopted() -> list[Instance]:
        adopted_during(world, "after", session_id)
        world.vast.before.pop("after")()
        return []

    monkeypatch.setattr(world.vast, "list_instances", empty_then_adopted)
    assert look(world.deps, session_id, 1) == LOOK
    session = world.session(session_id)
    assert (session.state, session.attempt.instance_id) == (State.PROVISIONING, "5001")


def test_an_offer_that_became_dearer_is_not_launched(world: World) -> None:
    """N-77: the newest snapshot decides before the call."""
    session_id = world.create(max_price_microusd_per_hour=400_000).session.id
    world.clock.tick(10)
    world.publish([an_offer(price_microusd_per_hour=400_001)])
    assert launch(world.deps, session_id, 1) == DONE
    assert world.session(session_id).end_reason is EndReason.PRICE_ABOVE_MAX
    assert world.vast.calls == []
