"""One run: clouds, deployments, customers and schedules on one clock, from seed to verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from random import Random

from gpu_shopper.core.labels import Label, owned
from tests.simulation.budgets import Operator
from tests.simulation.cloud import Cloud
from tests.simulation.customers import Customer
from tests.simulation.deployment import Deployment
from tests.simulation.faults import RandomFaults
from tests.simulation.machine import NEVER, NO_SPAN, Machine, Nature
from tests.simulation.natures import nature, remarks
from tests.simulation.plain import plain_values
from tests.simulation.plan import Plan, Spell, drawn
from tests.simulation.ports import Ports
from tests.simulation.quiet import Quiet
from tests.simulation.scheduler import MINUTE, SECOND, Scheduler
from tests.simulation.verdict import Verdict

AFTER_FAULTS_MS = 30 * MINUTE
"""N-66: so long after the last fault everything has ended."""

ACCRUE_EVERY_MIN = 5
DEARER = (101, 104, 108, 125, 160)
"""Prices in percent of the usual, below and above what sessions accept."""

HARDLY_DEARER = (101, 103, 104, 105)
"""Those in seeds whose customers pay little more: sessions accept them, and customers do not."""


class Simulation:
    """Everything of one seed."""

    def __init__(
        self, plan: Plan, faults: Callable[[Plan, Scheduler], RandomFaults] = RandomFaults
    ) -> None:
        self.plan = plan
        self.scheduler = Scheduler()
        self.faults = faults(plan, self.scheduler)
        random = Random(plan.seed + 2)
        self._prices = Random(plan.seed + 3)
        self.clouds = {
            name: Cloud(
                name, self.scheduler, lambda: nature(random, self.faults.odds), self._percent
            )
            for name in plan.providers
        }
        self.ports = Ports(plan, self.scheduler, self.faults, self.clouds)
        self.deployments = {
            name: Deployment(name, number, plan.providers, self.ports)
            for number, name in enumerate(plan.deployments, 1)
        }
        self.customers = [
            Customer(one, self.deployments[one.deployment_id], self.scheduler)
            for one in plan.rentals
        ]
        self.verdict = Verdict(self)
        self.quiet = Quiet(self)
        for cloud in self.clouds.values():
            cloud.on_rented = self._rented
            cloud.on_gone = self._gone
            cloud.returns_until_ms = plan.faults_end_ms

    def play(self) -> None:
        """From the first event to the verdict. Raises Violation."""
        for deployment in self.deployments.values():
            self._schedule(deployment)
        for customer in self.customers:
            customer.begin()
        for limit in self.plan.limits:
            Operator(limit, self.deployments[limit.deployment_id], self.scheduler).begin()
        for at_ms in self.plan.deploys_ms:
            self.scheduler.at(at_ms, self._deploy)
        for at_ms in self.plan.restarts_ms:
            self.scheduler.at(at_ms, self._restart)
        for spell in self.plan.spells:
            self.scheduler.at(spell.from_ms, partial(self._tell, spell))
            self.scheduler.at(spell.until_ms, lambda: None)
        self._plant()
        end_ms = max([self.plan.faults_end_ms, *(one.until_ms for one in self.plan.spells)])
        self.scheduler.at(end_ms, lambda: self._look_for_the_end(end_ms))
        with nullcontext() if self.plan.packs else plain_values():
            self.scheduler.start()

    def _percent(self) -> int:
        """How dear an offer is, each time that somebody looks."""
        dearer = self._prices.random() < self.faults.odds.dearer
        prices = HARDLY_DEARER if self.plan.is_close else DEARER
        return self._prices.choice(prices) if dearer else 100

    def _tell(self, spell: Spell) -> None:
        self.ports.tell(lambda: f"{spell}")

    def _look_for_the_end(self, faults_ended_ms: int) -> None:
        """N-66: half an hour after the last fault, and after the last right to a machine."""
        rights = [
            seen.expires_ms
            for one in self.deployments.values()
            for seen in one.watch.sessions.values()
            if seen.ended_ms is None
        ]
        late = self.scheduler.now_ms >= max(faults_ended_ms, *rights, 0) + AFTER_FAULTS_MS
        if late or self.verdict.all_has_ended():
            self._end()
        else:
            self.scheduler.after(MINUTE, lambda: self._look_for_the_end(faults_ended_ms))

    def _end(self) -> None:
        self.verdict.at_the_end()
        self.scheduler.stop()

    def _gone(self, machine: Machine) -> None:
        self.ports.tell(lambda: f"  machine {machine.id} of {machine.label} is gone")
        self.verdict.machine_gone(machine)

    def _rented(self, machine: Machine) -> None:
        lives = f"  machine {machine.id} of {machine.label} lives"
        self.ports.tell(lambda: f"{lives}: {remarks(machine.nature)}")
        self._hide_more(machine)
        for deployment in self.deployments.values():
            label = owned(machine.label, deployment.id)
            if label is not None:
                deployment.watch.machine_rented(machine, label)
                self.verdict.machine_rented(deployment, machine, label)

    def _hide_more(self, machine: Machine) -> None:
        """Often the listings fail just when the lookups, or a moment ago everything, hid it."""
        nature, born_ms = machine.nature, machine.created_ms
        hidden = (nature.unfound, (nature.blinks or (NO_SPAN,))[0])
        for begins, ends in hidden:
            if begins < NEVER and self.faults.happens(0.7):
                length_ms = 60 * SECOND if nature.blinks else ends - begins
                from_ms = born_ms + (ends if nature.blinks else begins)
                self.plan.spells.append(
                    Spell(machine.provider, from_ms, from_ms + length_ms, ("list_instances",), 1.0)
                )

    def _deploy(self) -> None:
        self.ports.tell(lambda: "a new release is deployed")
        for deployment in self.deployments.values():
            deployment.deploy()

    def _restart(self) -> None:
        self.ports.tell(lambda: "every function and every execution dies")
        for deployment in self.deployments.values():
            deployment.restart()

    def _plant(self) -> None:
        """Machines that were there before: other people's, and some whose session is not known."""
        cloud = next(iter(self.clouds.values()))
        for number in range(self.plan.foreign):
            label = (None, "shopper-", "somebody's")[number % 3]
            cloud.create(label, 300_000, set(), Nature(), is_ours=False)
        deployment = next(iter(self.deployments.values()))
        for number in range(self.plan.orphans):
            label = str(Label(deployment.id, f"99999999-0000-4000-8000-{number:012x}", 1))
            cloud.create(label, 300_000, set(), Nature())

    def _schedule(self, deployment: Deployment) -> None:
        names: list[tuple[str, dict[str, str], int]] = [
            ("ExpireSessionsFunction", {}, 1),
            ("AccrueCostsFunction", {}, ACCRUE_EVERY_MIN),
        ]
        for provider in self.plan.providers:
            names.append(("ReconcileFunction", {"provider": provider}, 1))
            every_min = self.plan.refresh_every_min
            names.append(("RefreshInventoryFunction", {"provider": provider}, every_min))
        number = len(self.deployments) * list(self.deployments).index(deployment.id)
        for place, (function, event, every_min) in enumerate(names):
            # The first inventory is there before the first customer, each fetched by itself.
            is_refresh = function == "RefreshInventoryFunction"
            first_ms = (
                (number + place) * SECOND if is_refresh else self.faults.between(8_000, 67_000)
            )
            self._tick(deployment, function, event, first_ms, every_min * MINUTE)

    def _tick(
        self,
        deployment: Deployment,
        function: str,
        event: dict[str, str],
        at_ms: int,
        every_ms: int,
    ) -> None:
        def tick() -> None:
            if self.quiet.until_ms() > self.scheduler.now_ms:
                missed = (self.quiet.until_ms() - at_ms) // every_ms
                self._tick(deployment, function, event, at_ms + (missed + 1) * every_ms, every_ms)
                return
            self._tick(deployment, function, event, at_ms + every_ms, every_ms)
            self.verdict.so_far(deployment)
            self._sweep(deployment, lambda: deployment.invoke(function, event, lambda _told: None))

        if function == "ReconcileFunction":
            self.faults.passes_ms[event["provider"]] = at_ms
        self.scheduler.at(at_ms, tick, is_routine=True)

    def _sweep(self, deployment: Deployment, invoke: Callable[[], None]) -> None:
        odds, faults = self.faults.odds, self.faults
        if faults.happens(odds.sweep_skipped):
            deployment.watch.lost("sweep")
            return
        if faults.happens(odds.sweep_twice):
            least_s, most_s = (0, 4) if faults.happens(0.5) else (30, 50)
            self.scheduler.after(faults.between(least_s * SECOND, most_s * SECOND), invoke)
        if faults.happens(odds.sweep_late):
            deployment.watch.lost("punctual sweep")
            self.scheduler.after(faults.between(1, 50) * SECOND, invoke)
            return
        invoke()


def simulated(seed: int) -> Simulation:
    """The simulation of `seed`, not yet played."""
    return Simulation(drawn(seed))
