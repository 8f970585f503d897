"""Vast.ai keeps the providers' contract: over recorded shapes, and over the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.contract import (
    BalanceContract,
    BilledRig,
    ChargesContract,
    LogsContract,
    ProviderContract,
)
from tests.providers.fake_vastai import FakeVastRig
from tests.providers.simulator_rig import SimulatorRig, simulator


class TestVastAiOverRecordedShapes(
    ProviderContract, BalanceContract, ChargesContract, LogsContract
):
    """A scripted network that answers in the shapes recorded from Vast.ai."""

    @pytest.fixture
    def rig(self) -> BilledRig:
        return FakeVastRig()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator() as address:
        yield address


class TestVastAiOverTheSimulator(ProviderContract, BalanceContract, ChargesContract, LogsContract):
    """The provider simulator, over HTTP."""

    @pytest.fixture
    def rig(self, url: str) -> BilledRig:
        return SimulatorRig(url)
