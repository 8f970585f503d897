"""The world of the store's tests: moto is asked everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world with one snapshot of one offer."""
    with a_world(moto_lags=False) as made:
        made.publish()
        yield made
