"""Vast.ai keeps the providers' contract: over recorded shapes, and over the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.contract import ProviderContract, Rig
from tests.providers.fake_vastai import FakeVastRig
from tests.providers.simulator_rig import SimulatorRig, simulator


class TestVastAiOverRecordedShapes(ProviderContract):
    """A scripted network that answers in the shapes recorded from Vast.ai."""

    @pytest.fixture
    def rig(self) -> Rig:
        return FakeVastRig()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator() as address:
        yield address


class TestVastAiOverTheSimulator(ProviderContract):
    """The provider simulator, over HTTP."""

    @pytest.fixture
    def rig(self, url: str) -> Rig:
        return SimulatorRig(url)
