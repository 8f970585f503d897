"""What TensorDock says to launches, on its way to the confidence that callers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.core.states import State
from gpu_shopper.errors.provider import (
    CircuitOpen,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
)
from gpu_shopper.usecases.inventory import get_offer, list_offers
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.teardown import ask
from tests.builders import an_instance
from tests.fakes import FakeProvider
from tests.providers.tensordock_shapes import NO_IPS, error, in_body
from tests.usecases import docked, story
from tests.usecases.docked import OFFER, OFFERS, answering, create
from tests.world import ALICE, BOB, World


@pytest.fixture
def provider(world: World) -> FakeProvider:
    return docked.rented_from(world)


def trust(world: World, offer_id: str = OFFERS[1].id) -> float:
    """Confidence of an offer, by default of another one at the location; list and lookup agree."""
    menu = list_offers(world.deps, ("tensordock",), Filters(), Sort.PRICE, 10, 0)
    listed = {one.offer.id: one.confidence for one in menu.page}
    assert listed[offer_id] == get_offer(world.deps, "tensordock", offer_id).confidence
    return round(listed[offer_id], 6)


def launched(
    world: World,
    provider: FakeProvider,
    error: ProviderError | None = None,
    caller: Caller = ALICE,
) -> str:
    provider.errors["launch"] = [error]
    session_id = create(world, caller=caller).id
    launch(world.deps, session_id, 1)
    return session_id


def test_a_location_that_nobody_tried_is_trusted_a_little(
    world: World, provider: FakeProvider
) -> None:
    """N-60."""
    assert trust(world) == 0.30


@pytest.mark.parametrize("refusal", [NoCapacity("sold out"), OfferGone("no such location")])
def test_a_refusal_lowers_every_offer_of_the_location(
    world: World, provider: FakeProvider, refusal: ProviderError
) -> None:
    """N-60, 2.4; the failure itself lowers the refused offer once more (2.5)."""
    elsewhere = OFFER._replace(
        id=OFFER.id.replace("1a2b3c4d-1a2b", "2a2b3c4d-1a2b"),
        provider_id=OFFER.provider_id.replace("1a2b3c4d-1a2b", "2a2b3c4d-1a2b"),
    )
    launched(world, provider, refusal)
    world.clock.tick(60)
    world.publish([*OFFERS, elsewhere])
    assert trust(world) == 0.05
    assert trust(world, OFFER.id) == 0.035
    assert trust(world, elsewhere.id) == 0.30


def test_an_accepted_launch_raises_it(world: World, provider: FakeProvider) -> None:
    """N-60: also one that names a machine beside an error."""
    launched(world, provider)
    assert trust(world) == 1.0
    launched(world, provider, RentedDespiteError("low balance", instance_id="5009"), BOB)
    assert trust(world) == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        ProviderAuth("bad token"),
        LaunchRejected("invalid image"),
        RateLimited("slow down"),
        ProviderUnavailable("503"),
        CircuitOpen("open"),
        LaunchUncertain("time-out"),
    ],
)
def test_what_does_not_judge_the_offer_does_not_count(
    world: World, provider: FakeProvider, answer: ProviderError
) -> None:
    """2.4."""
    launched(world, provider, answer)
    assert trust(world) == 0.30


def test_offers_of_vast_ai_know_no_locations(world: World) -> None:
    """2.3: 0.9 whatever happens to launches."""
    launch(world.deps, world.create().session.id, 1)
    world.clock.tick(60)
    world.publish()
    assert get_offer(world.deps, "vastai", "vastai-1001").confidence == 0.9
    assert attempts(world) == 0


def attempts(world: World) -> int:
    """Launches counted, at all locations."""
    rows: Any = world.deps.inventory.table.scan()["Items"]
    return sum(row["attempts"] for row in rows if row["sk"].startswith("LOCATION#"))


def look_once(world: World, session_id: str) -> None:
    look(world.deps, session_id, 1)


def reconcile_once(world: World, session_id: str) -> None:
    reconcile(world.deps, "tensordock")


def tear_down(world: World, session_id: str) -> None:
    story.stop(world, session_id)
    ask(world.deps, session_id, 1)


@pytest.mark.parametrize("resolve", [look_once, reconcile_once, tear_down])
def test_an_unclear_launch_counts_when_its_machine_is_found_and_once(
    world: World, provider: FakeProvider, resolve: Callable[[World, str], None]
) -> None:
    """2.4: not recorded until it is resolved; adopted is accepted."""
    provider.rents_despite_error = True
    session_id = launched(world, provider, LaunchUncertain("time-out"))
    assert trust(world) == 0.30
    resolve(world, session_id)
    assert world.session(session_id).attempt.instance_id is not None
    assert trust(world) == 1.0
    reconcile_once(world, session_id)
    look_once(world, session_id)
    assert attempts(world) == 1


def test_a_machine_adopted_while_its_launch_is_answered_counts_once(
    world: World, provider: FakeProvider
) -> None:
    """2.4: the sweep may be faster than the answer."""
    session = create(world)

    def adopt() -> None:
        label = world.session(session.id).attempt.label
        provider.instances["5001"] = an_instance(provider="tensordock", label=label)
        reconcile_once(world, session.id)

    provider.before["launch"] = adopt
    launch(world.deps, session.id, 1)
    assert attempts(world) == 1


def test_an_unclear_launch_that_rented_nothing_never_counts(
    world: World, provider: FakeProvider
) -> None:
    """2.4: the provider did not judge it."""
    session_id = launched(world, provider, LaunchUncertain("time-out"))
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(look(world.deps, session_id, 1).wait_s + 1)
    assert world.session(session_id).state is State.FAILED
    world.publish(OFFERS)
    assert trust(world) == 0.30


def test_a_launch_step_delivered_twice_counts_once(world: World, provider: FakeProvider) -> None:
    launched(world, provider)
    session_id = launched(world, provider, NoCapacity("sold out"), BOB)
    launch(world.deps, session_id, 1)
    assert trust(world) == 0.25


@pytest.mark.parametrize("answer", [in_body(400, NO_IPS), error(NO_IPS, 400), error(NO_IPS, 409)])
def test_no_public_address_leaves_the_location_at_the_floor(world: World, answer: object) -> None:
    """BUG-010: 0.05 after the first failure, as HTTP 200 body and as 4xx."""
    _, session = answering(world, answer)  # type: ignore[arg-type]
    launch(world.deps, session.id, 1)
    assert trust(world) == 0.05
