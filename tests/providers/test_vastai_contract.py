"""Vast.ai keeps the providers' contract: over recorded shapes, and over the simulator."""

from __future__ import annotations

import pytest

from tests.providers.contract import ProviderContract, Rig
from tests.providers.fake_vastai import FakeVastRig


class TestVastAiOverRecordedShapes(ProviderContract):
    """A scripted network that answers in the shapes recorded from Vast.ai."""

    @pytest.fixture
    def rig(self) -> Rig:
        return FakeVastRig()
