"""Failures on their way from the provisioning steps to what callers see."""

from __future__ import annotations

import pytest

from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import OfferNotFound, OfferSuppressed
from gpu_shopper.errors.provider import NoCapacity, ProviderAuth
from gpu_shopper.usecases.blaming import blame
from gpu_shopper.usecases.inventory import get_offer, list_offers
from gpu_shopper.usecases.provision import launch
from tests.world import World


def confidence(world: World) -> list[float]:
    menu = list_offers(world.deps, ("vastai",), Filters(), Sort.PRICE, 10, 0)
    return [round(one.confidence, 6) for one in menu.page]


def refused(world: World) -> None:
    """One session whose launch finds no capacity; the offer is listed again a minute later."""
    world.vast.errors["launch"] = [NoCapacity("sold out")]
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    assert world.session(session_id).state is State.FAILED
    world.clock.tick(60)
    world.publish()


def test_each_failed_attempt_lowers_the_offers_confidence_once(world: World) -> None:
    """2.5, X-15: 0.9, 0.63, 0.441, hidden."""
    assert confidence(world) == [0.9]
    refused(world)
    assert confidence(world) == [0.63]
    refused(world)
    assert confidence(world) == [0.441]
    refused(world)
    assert confidence(world) == []
    assert world.operations().count("offer_failed") == 3
    assert world.operations().count("offer_suppressed") == 1


def test_a_suppressed_offer_is_neither_found_nor_rented(world: World) -> None:
    """X-15: 409 with the instant at which it comes back."""
    for _ in range(3):
        refused(world)
    with pytest.raises(OfferNotFound):
        get_offer(world.deps, "vastai", "vastai-1001")
    with pytest.raises(OfferSuppressed) as told:
        world.create()
    assert told.value.extra["suppressed_until"] == "2026-02-07T12:32:00.000Z"
    world.clock.tick(1_800)
    world.publish()
    world.vast.errors.clear()
    assert world.create().session.state is State.PENDING


def test_a_step_delivered_twice_blames_once(world: World) -> None:
    """2.5: one event at most per attempt."""
    world.vast.errors["launch"] = [NoCapacity("sold out")]
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    launch(world.deps, session_id, 1)
    world.clock.tick(60)
    world.publish()
    assert confidence(world) == [0.63]


def test_credentials_never_blame_an_offer(world: World) -> None:
    """M-62."""
    world.vast.errors["launch"] = [ProviderAuth("bad key")]
    launch(world.deps, world.create().session.id, 1)
    assert confidence(world) == [0.9]
    assert "offer_failed" not in world.operations()


def test_an_offer_refused_before_any_call_is_not_blamed(world: World) -> None:
    """2.5: the provider did not judge it."""
    session_id = world.create().session.id
    world.clock.tick(60)
    world.publish([])
    launch(world.deps, session_id, 1)
    assert world.session(session_id).state is State.FAILED
    assert "offer_failed" not in world.operations()


def test_an_attempt_that_fails_in_two_ways_counts_once(world: World) -> None:
    """2.5: one event at most per attempt, whoever says again that it failed."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    session = world.session(session_id)
    blame(world.deps, session, EndReason.SSH_TIMEOUT, "no SSH")
    blame(world.deps, session, EndReason.INSTANCE_STOPPED, "exited")
    world.clock.tick(60)
    world.publish()
    assert confidence(world) == [0.63]
    assert world.operations().count("offer_failed") == 1


def test_a_machine_dearer_than_its_offer_is_held_against_the_offer(world: World) -> None:
    """2.5: as a failure of no other kind."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    blame(world.deps, world.session(session_id), EndReason.PRICE_MISMATCH, "dearer")
    (failed,) = [fact for fact in world.facts if fact.operation == "offer_failed"]
    assert failed.dimensions["FailureType"] == "unknown"
