"""Fixtures of the use cases' tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import an_offer
from tests.usecases.charging import NEXT_MORNING, Charging
from tests.usecases.market import another
from tests.world import World


@pytest.fixture
def market(world: World) -> World:
    """Four offers of one GPU: the first is asked for, 2001 is the best of the others."""
    prices = {2001: 380_000, 2002: 390_000, 2003: 400_000}
    others = [another(n, price_microusd_per_hour=price) for n, price in prices.items()]
    world.vast.offers = [an_offer(), *others]
    world.clock.tick(1)
    world.publish()
    return world


@pytest.fixture
def empty(world: World) -> World:
    """A world without any snapshot yet."""
    table = world.deps.inventory.table
    table.delete_item(Key={"pk": "PROVIDER#vastai", "sk": "POINTER"})
    return world


@pytest.fixture
def vast(world: World) -> Charging:
    """Takes the place of the world's provider, the morning after."""
    charging = Charging()
    world.deps = replace(world.deps, provider=lambda _: charging)
    world.clock.at = NEXT_MORNING
    return charging
