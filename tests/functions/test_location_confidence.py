"""A refused launch at TensorDock, seen by whoever asks for the menu next."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.errors.provider import NoCapacity
from gpu_shopper.usecases.provision import launch
from tests.functions.calls import Client
from tests.functions.rentals import post
from tests.usecases import docked
from tests.usecases.docked import OFFER, OFFERS
from tests.world import World

OTHER = OFFERS[1].id
PATH = "/api/v1/inventory"


def confidence(inventory: Client, **query: Any) -> float:
    """Of another offer at the location, in the list and alone."""
    menu = inventory("GET", PATH, query={"provider": "tensordock", **query}).json["offers"]
    listed = {one["id"]: one["availability_confidence"] for one in menu}
    alone = inventory("GET", f"{PATH}/{OTHER}").json["availability_confidence"]
    assert listed[OTHER] == alone
    return float(alone)


@pytest.fixture(autouse=True)
def _refused(wired: World, sessions: Client) -> None:
    provider = docked.rented_from(wired)
    provider.errors["launch"] = [NoCapacity("No available nodes found")]
    created = post(sessions, offer_id=OFFER.id)
    launch(wired.deps, created.json["session"]["id"], 1)


def test_a_refused_launch_lowers_the_confidence_of_its_location(
    wired: World, inventory: Client
) -> None:
    """N-60, BUG-010: for thirty minutes, whoever asks."""
    assert confidence(inventory) == 0.05
    wired.clock.tick(1_800)
    wired.publish(OFFERS)
    assert confidence(inventory) == 0.05
    wired.clock.tick(1)
    assert confidence(inventory) == 0.30


def test_filters_and_order_use_that_confidence(inventory: Client) -> None:
    """2.1: confidence comes before filters and order."""
    query = {"provider": "tensordock", "min_availability_confidence": "0.04"}
    menu = inventory("GET", PATH, query=query).json["offers"]
    assert [one["id"] for one in menu] == [OTHER]
    query = {"provider": "tensordock", "sort": "confidence"}
    menu = inventory("GET", PATH, query=query).json["offers"]
    assert [one["id"] for one in menu] == [OTHER, OFFER.id]
