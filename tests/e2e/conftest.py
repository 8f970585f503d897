"""The deployed world that the end-to-end tests drive, over HTTP and SSH only.

One emulator with function roles enforced, one simulator and one stack serve the whole run. A test
that breaks them for others (kills, restarts) makes its own with `make_world`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import paths
from local.world import World
from tests.e2e.deployed import Deployed, deploy


@pytest.fixture(scope="session")
def workdir() -> Path:
    """Below the ignored folder: the logs of a failed run stay there until the next."""
    return paths.STATE / "e2e"


@pytest.fixture(scope="session")
def live(workdir: Path) -> Iterator[Deployed]:
    """The world that the tests share."""
    world = World(workdir / "shared")
    try:
        yield deploy(world)
    finally:
        world.stop()


@pytest.fixture
def make_world(workdir: Path) -> Iterator[Callable[..., Deployed]]:
    """Makes worlds of a test's own, each with a name and template parameters."""
    made: list[World] = []

    def make(name: str, **overrides: str) -> Deployed:
        made.append(World(workdir / name))
        return deploy(made[-1], **overrides)

    yield make
    for world in made:
        world.stop()
