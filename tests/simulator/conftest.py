"""One simulator for all tests of a worker, reset before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator import driver
from tests.simulator.dock import Dock
from tests.simulator.driver import KeyPair, Sim


@pytest.fixture(scope="session")
def running() -> Iterator[str]:
    """The URL of a simulator that ends with the tests."""
    process, url = driver.start()
    yield url
    driver.stop(process)


@pytest.fixture
def sim(running: str) -> Sim:
    """A fresh simulator whose clock stands still."""
    simulator = Sim(running)
    simulator.reset()
    return simulator


@pytest.fixture(scope="session")
def key() -> KeyPair:
    """A client's key pair."""
    return KeyPair.new()


@pytest.fixture
def dock(sim: Sim, key: KeyPair) -> Dock:
    """The same simulator, as TensorDock's client sees it."""
    return Dock(sim, key)
