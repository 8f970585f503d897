"""TensorDock keeps the providers' contract: over recorded shapes, and over the simulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.contract import BalanceContract, BilledRig, ProviderContract
from tests.providers.fake_tensordock import FakeDockRig
from tests.providers.simulator_rig import TENSORDOCK, SimulatorRig, simulator


class TestTensorDockOverRecordedShapes(ProviderContract, BalanceContract):
    """A scripted network that answers in the shapes recorded from TensorDock."""

    @pytest.fixture(params=[0, 1, 2], ids=["flat", "in data", "in attributes"])
    def rig(self, request: pytest.FixtureRequest) -> BilledRig:
        return FakeDockRig(request.param)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator() as address:
        yield address


class TestTensorDockOverTheSimulator(ProviderContract, BalanceContract):
    """The provider simulator, over HTTP."""

    @pytest.fixture(params=[1, 2, 3])
    def rig(self, url: str, request: pytest.FixtureRequest) -> BilledRig:
        rig = SimulatorRig(url, TENSORDOCK)
        rig.control("POST", "/config", {"list_shape": request.param})
        return rig
