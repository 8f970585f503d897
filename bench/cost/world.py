"""The simulation with everything well: default settings, real handlers, a market of usual size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import ceil
from random import Random
from typing import Any
from unittest.mock import patch

from bench.cost.customers import Customer, Gateway
from bench.cost.deployment import MeteredDeployment, MeteredPorts, host_key_line
from bench.cost.handlers import rewired
from bench.cost.market import Market
from bench.cost.meter import EVENT_LOG_BYTES, Meter
from tests.simulation.executions import Execution, definition, is_express
from tests.simulation.machine import Machine, Nature
from tests.simulation.odds import Odds
from tests.simulation.plan import PROVIDERS, Plan
from tests.simulation.scheduler import HOUR, MINUTE, SECOND
from tests.simulation.simulation import Simulation
from tests.simulation.verdict import Verdict

DEPLOYMENT = "ab12cd34"
WARM_MS = 10 * MINUTE
"""Before the first customer: instances are warm, and the market is known."""

STATE_LOG_EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Succeed": 2, "Fail": 2}
STATE_LOG_BYTES = 350
"""What Step Functions logs of each state at level ALL, without data: events, and bytes of one."""

EXPRESS_MB, EXPRESS_STEP_MS = 64, 100
"""What an EXPRESS execution is billed for at least: memory is billed in chunks of 64 MB, and one
that carries three ids fills no second; time is rounded up to 100 ms."""

_NOISY = 0
"""A seed whose quiet hours are played, and which stores as the product does."""


class _Trusting(Verdict):
    """Judges at the end alone: looking at everybody each minute takes longer than the rest."""

    def so_far(self, deployment: Any) -> None:
        """See `Verdict`."""

    def machine_gone(self, machine: Any) -> None:
        """See `Verdict`."""


class World(Simulation):
    """One deployment, metered."""

    def __init__(
        self,
        meter: Meter,
        lasts_ms: int,
        market: Market,
        sessions: int = 0,
        *,
        agents: bool = False,
    ) -> None:
        super().__init__(
            Plan(
                seed=_NOISY,
                odds=Odds(),
                deployments=(),
                providers=PROVIDERS,
                rentals=[],
                refresh_every_min=1,
                faults_end_ms=lasts_ms,
            )
        )
        for cloud in self.clouds.values():
            cloud.nature = partial(_honest, cloud.nature)
        self.meter = meter
        ports = MeteredPorts(self.plan, self.scheduler, self.faults, self.clouds)
        ports.meter = meter
        self.ports = ports
        self.deployment = MeteredDeployment(DEPLOYMENT, PROVIDERS, ports, market)
        self.deployments = {DEPLOYMENT: self.deployment}
        self.verdict = _Trusting(self)
        gateway = Gateway(self.deployment, sessions)
        random = Random(_NOISY)  # noqa: S311 - repeatable arrivals, nothing secret
        span_ms = lasts_ms - 3 * HOUR
        self.renting: list[Customer] = [
            Customer(
                number,
                PROVIDERS[number % len(PROVIDERS)],
                gateway,
                WARM_MS + number * span_ms // sessions + random.randrange(20 * SECOND),
                has_agent=agents,
            )
            for number in range(sessions)
        ]

    def play(self) -> None:
        """See `Simulation`."""
        for customer in self.renting:
            customer.begin(self.deployment)
        deployment = self.deployment
        with (
            _counted_states(self.meter),
            rewired(deployment.wired, deployment.login, self.meter.logged),
        ):
            super().play()
        if not all(one.is_done for one in self.renting):
            raise ValueError("a session has not ended")

    def _schedule(self, deployment: Any) -> None:
        super()._schedule(deployment)
        # The comparison of charges is left out: two runs a day.
        more: tuple[tuple[str, dict[str, str], int], ...] = (
            ("PublishGaugesFunction", {}, 1),
            ("RefreshInventoryFunction", {"provider": "vastai", "what": "templates"}, 5),
        )
        for place, (function, event, every_min) in enumerate(more):
            self._tick(deployment, function, event, (30 + place) * SECOND, every_min * MINUTE)

    def _rented(self, machine: Machine) -> None:
        machine.host_key = host_key_line(machine.id)
        super()._rented(machine)

    def _sweep(self, deployment: Any, invoke: Callable[[], None]) -> None:
        self.meter.count("xray traces", "sweeps")
        super()._sweep(deployment, invoke)


def _honest(drawn: Callable[[], Nature]) -> Nature:
    """A machine that costs what its offer said."""
    return replace(drawn(), price_factor_percent=100)


@contextmanager
def _counted_states(meter: Meter) -> Iterator[None]:
    """Count every state that an execution enters, what is logged of it, and the time of rounds."""
    enter, begin = Execution._enter, Execution.begin

    def counted(execution: Execution, name: str) -> None:
        if execution.status == "RUNNING":
            machine = execution.machine
            if not is_express(machine):
                meter.count("states transitions", machine)
            kind = definition(machine)["States"][name]["Type"]
            each = STATE_LOG_BYTES + EVENT_LOG_BYTES
            meter.count("log bytes", machine, STATE_LOG_EVENTS[kind] * each)
        enter(execution, name)

    def begun(execution: Execution) -> None:
        if is_express(execution.machine):
            _timed(meter, execution)
        begin(execution)

    with patch.object(Execution, "_enter", counted), patch.object(Execution, "begin", begun):
        yield


def _timed(meter: Meter, execution: Execution) -> None:
    """What an EXPRESS execution costs: itself, and its memory for as long as it lasts."""
    began_ms, on_end = execution.scheduler.now_ms, execution.on_end
    meter.count("express requests", execution.machine)

    def ended(one: Execution, status: str) -> None:
        lasted_ms = execution.scheduler.now_ms - began_ms
        billed_s = ceil(lasted_ms / EXPRESS_STEP_MS) * EXPRESS_STEP_MS / 1_000
        meter.count("express GB-s", execution.machine, billed_s * EXPRESS_MB / 1_024)
        on_end(one, status)

    execution.on_end = ended
