"""What the simulated clouds must not do: hide from listings a machine that nobody was told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.errors import ShopperError
from gpu_shopper.errors.provider import LaunchUncertain
from tests.builders import an_offer
from tests.simulation.cloud import Cloud
from tests.simulation.machine import NO_SPAN, Nature, Span
from tests.simulation.provider import Fault, SimulatedProvider
from tests.simulation.scheduler import HOUR, Scheduler

HIDDEN: Span = (0, HOUR)


class AtOnce:
    """Carries calls out without time or crashes."""

    def call(
        self, _operation: str, effect: Callable[[], Any], _before_ms: int, _after_ms: int
    ) -> Any:
        return effect()


def launched(fault: Fault) -> tuple[str | None, dict[str, Span]]:
    """The machine that the answer names, and when listings hide each that was rented."""
    cloud = Cloud("vastai", Scheduler(), lambda: Nature(unlisted=HIDDEN))
    faults = Mock(of_call=Mock(return_value=fault))
    provider = SimulatedProvider(cloud, "ab12cd34", AtOnce(), faults, Mock())
    request = LaunchRequest(
        offer=an_offer(), label="shopper-ab12cd34-1-1", disk_gb=10, ssh_public_keys=()
    )
    told: str | None = None
    try:
        told = provider.launch(request).instance_id
    except ShopperError as exc:
        told = getattr(exc, "instance_id", None)
    return told, {number: one.nature.unlisted for number, one in cloud.machines.items()}


@pytest.mark.parametrize("named", [0, 1])
def test_of_two_machines_for_one_launch_listings_hide_the_named_one_only(named: int) -> None:
    told, hidden = launched(Fault(takes_effect=True, twice=True, told=named))
    assert sorted(hidden.values()) == sorted([HIDDEN, NO_SPAN])
    assert hidden[str(told)] == HIDDEN


@pytest.mark.parametrize(("rents", "span"), [(True, HIDDEN), (False, NO_SPAN)])
def test_a_machine_whose_launch_failed_may_hide_when_the_error_names_it(
    rents: bool, span: Span
) -> None:
    fault = Fault(LaunchUncertain("no answer"), takes_effect=True, rents=rents)
    told, hidden = launched(fault)
    assert ((told is not None), list(hidden.values())) == (rents, [span])
