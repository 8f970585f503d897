"""Every provider's calls stand in the lines of the deployment, which all functions share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gpu_shopper.core.pacing import Pace, Turn
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.edge import wiring
from gpu_shopper.providers import registry
from gpu_shopper.providers.access import Access
from tests.builders import DEPLOYMENT
from tests.fakes import FakeProvider
from tests.world import World


@pytest.fixture
def paces(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Pace]]:
    """What adapters are built with, by the provider's name."""
    built: dict[str, Pace] = {}

    def build(name: str, access: Access, _settings: Settings) -> FakeProvider:
        built[name] = access.pace
        return FakeProvider(name)

    wiring.provider.cache_clear()
    wiring.telemetry.cache_clear()
    monkeypatch.setenv("DEPLOYMENT_ID", DEPLOYMENT)
    monkeypatch.setattr(registry, "build", build)
    monkeypatch.setattr(wiring, "settings", Settings)
    monkeypatch.setattr(wiring, "table", {"OPERATIONS_TABLE": world.deps.operations}.get)
    for name in FACTS:
        monkeypatch.setenv(f"{name.upper()}_SECRET", "secret")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", "https://provider.test")
    yield built
    wiring.provider.cache_clear()
    wiring.telemetry.cache_clear()


@pytest.mark.parametrize("name", FACTS)
def test_a_providers_calls_move_its_own_line_in_the_table(
    world: World, paces: dict[str, Pace], name: str
) -> None:
    """N-64, 5.0."""
    wiring.provider(name)
    endpoint = next(iter(FACTS[name].intervals_ms(Settings())))
    paces[name](endpoint, Turn.USUAL)
    rows = world.deps.operations.scan()["Items"]
    assert [(row["pk"], row["sk"]) for row in rows] == [(f"PACE#{name}", endpoint)]
