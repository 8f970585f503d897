"""Failure memory: what is written can be read, also where the machine is not known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.core.failures import Failure, FailureType, Suppression
from gpu_shopper.store import failures, inventory
from tests.builders import NOON
from tests.world import World


@pytest.mark.parametrize("machine_id", [None, "77"])
def test_a_hidden_offer_is_read_back_whether_its_machine_is_known_or_not(
    world: World, machine_id: str | None
) -> None:
    """BUG-016: TensorDock names no machines; every answer about its offers reads these rows."""
    storage = world.deps.inventory
    failure = Failure(
        provider="vastai",
        offer_id="vastai-1",
        gpu_type="A40",
        type=FailureType.NO_CAPACITY,
        at=NOON,
        machine_id=machine_id,
    )
    hidden = Suppression(
        offer_id="vastai-1", machine_id=machine_id, at=NOON, until=NOON + timedelta(minutes=30)
    )
    failures.remember(storage.table, failure, "some-session", 1, 3_600)
    failures.suppress(storage.table, "vastai", hidden)
    memory = inventory.memory(storage, "vastai")
    assert (list(memory.failures), list(memory.suppressions)) == ([failure], [hidden])
