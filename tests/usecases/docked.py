"""A world that rents from TensorDock too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_shopper.core.instances import SshAddress
from gpu_shopper.core.session import Session
from gpu_shopper.providers.tensordock.offers import offers_of
from gpu_shopper.ssh.keys import KeyPair
from tests.builders import PUBLIC_KEY
from tests.fakes import FakeProvider
from tests.providers.stub import Answer, Network
from tests.providers.tensordock_shapes import dock, gpu_row, location
from tests.world import World

OFFERS = offers_of(location(), gpu_row())
OFFER = OFFERS[0]
ADDRESS = SshAddress("203.0.113.9", 22, "user")


def enable(world: World, provider: Any) -> None:
    """Put `provider` beside Vast.ai, with a snapshot of its offers."""
    vast = world.vast
    world.deps = replace(
        world.deps,
        enabled_providers=("vastai", "tensordock"),
        provider=lambda name: vast if name == "vastai" else provider,
        new_pair=lambda comment: KeyPair(f"private {comment}", PUBLIC_KEY),
    )
    world.publish(OFFERS)


def rented_from(world: World) -> FakeProvider:
    """A TensorDock in memory, enabled."""
    provider = FakeProvider(name="tensordock", offers=OFFERS, address=ADDRESS)
    enable(world, provider)
    return provider


def create(world: World, **changes: Any) -> Session:
    wish: dict[str, Any] = {"provider": "tensordock", "offer_id": OFFER.id, **changes}
    return world.create(**wish).session


def answering(world: World, *answers: Answer) -> tuple[Network, Session]:
    """The real adapter over these answers, and a session about to be launched there."""
    network = Network(*answers)
    enable(world, dock(network))
    return network, create(world)
