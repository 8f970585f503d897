"""The deployed world that the end-to-end tests drive, over HTTP and SSH only.

One emulator with function roles enforced, one simulator and one stack serve the whole run. A test
that breaks them for others (provider down, kills, restarts) uses `rough`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import paths
from local.world import World
from tests.e2e.deployed import Deployed, deploy
from tests.e2e.recorded import overhear
from tests.e2e.renting import Renting
from tests.e2e.stories import Stories, marked

MEASURED = pytest.StashKey[list[str]]()
OFFERS = 800
# Waits that no test could sit out; everything else is as in samconfig's local stage.
SHORT = {
    "GhostMinAgeS": "3",
    "InstanceFailedForS": "3",
    "SshAuthGraceS": "3",
    "CheckIntervalS": "5",
    "DrainMinuteS": "4",
    "RefreshBackoffS": "1",
    "RefreshBackoffCapS": "1",
    "TemplatesRefreshS": "1",
    "AllowedOrigins": "https://app.example.com",
}
# Calls to providers are spaced as in production, only that nobody notices it.
SPACED = {
    "VastaiCreateIntervalMs": "20",
    "VastaiDestroyIntervalMs": "20",
    "VastaiFindIntervalMs": "20",
    "VastaiListIntervalMs": "20",
    "VastaiAttachIntervalMs": "20",
    "TensordockIntervalMs": "20",
    "PaceMarginMs": "0",
}
# A world where callers are slowed down early, rounds are short, and dead executions, ghosts and
# silence are noticed after seconds.
ROUGH = {
    "ProvisionRoundS": "10",
    "GhostMinAgeS": "3",
    "ProviderReadTimeoutS": "5",
    "ConsumerRatePerS": "1",
    "ConsumerBurst": "5",
    "StepOverdueS": "5",
    "BalanceEveryS": "0",
    "RefreshBackoffS": "1",
    "RefreshBackoffCapS": "1",
}
# A world whose offers grow old within seconds, and are fetched only when a test says so.
AGEING = {
    "SnapshotFreshS": "10",
    "SnapshotHalfTrustS": "20",
    "SnapshotUsableS": "30",
    "OfferMemoryS": "40",
    "InventorySchedule": "rate(1 day)",
    "ProviderReadTimeoutS": "15",
    "RefreshBackoffS": "0",
    "RefreshBackoffCapS": "1",
    "BreakerOpenS": "1",
    "FailureSuppressS": "20",
    "OperatorRatePerS": "100",
    "OperatorBurst": "2000",
}


def pytest_configure(config: pytest.Config) -> None:
    """Markers of these tests."""
    config.addinivalue_line("markers", "story(tell): judge what `tell` returned, see stories.py")
    config.addinivalue_line("markers", "last: judge the whole run, after all other tests")
    config.stash[MEASURED] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories are judged after what can be tested meanwhile, and the whole run at its end."""
    for mark in ("story", "last"):
        items.sort(key=lambda item: item.get_closest_marker(mark) is not None)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was measured."""
    for line in config.stash[MEASURED]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def workdir() -> Path:
    """Below the ignored folder: the logs of a failed run stay there until the next."""
    return paths.STATE / "e2e"


@pytest.fixture(scope="session")
def live(workdir: Path) -> Iterator[Deployed]:
    """The world that the tests share."""
    yield from _world(workdir / "shared", **SHORT, **SPACED)


@pytest.fixture(scope="session")
def renting(live: Deployed) -> Renting:
    """Rents in the shared world."""
    return Renting(live)


@pytest.fixture(scope="session")
def rough_renting(workdir: Path) -> Iterator[Renting]:
    """Rents in a world of its own, for what would disturb the others."""
    for live in _world(workdir / "rough", **ROUGH):
        yield Renting(live, watcher=live.operator)


@pytest.fixture(scope="session")
def ageing(workdir: Path) -> Iterator[Deployed]:
    """A world of its own, for what its offers do in time."""
    yield from _world(workdir / "ageing", **AGEING)


@pytest.fixture(scope="session")
def stories(renting: Renting, request: pytest.FixtureRequest) -> Iterator[Stories]:
    """The stories of all selected tests, begun together."""
    told = Stories(renting, marked(request.session.items))
    try:
        yield told
    finally:
        told.close()


@pytest.fixture(scope="session", autouse=True)
def begun(request: pytest.FixtureRequest) -> None:
    """Stories begin before the first test, whichever that is."""
    if marked(request.session.items):
        request.getfixturevalue("stories")


@pytest.fixture
def measured(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash[MEASURED]


@pytest.fixture
def told(stories: Stories, request: pytest.FixtureRequest) -> Any:
    """What the story of this test returned."""
    mark = request.node.get_closest_marker("story")
    return stories.result(mark.args[0])


def _world(workdir: Path, **overrides: str) -> Iterator[Deployed]:
    """A world with a larger market than a demo needs."""
    world = World(workdir)
    world.stop()  # an interrupted run may have left it
    try:
        live = deploy(world, **overrides)
        overhear(live)
        live.simulator.post("/_test/reset", {"offers": OFFERS})
        live.sweep("RefreshInventoryFunction")
        yield live
    finally:
        world.stop()
