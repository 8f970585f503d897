"""Quiet hours, in which schedules find nothing to do and are not played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_shopper.core.states import State
from tests.simulation.machine import NEVER, within
from tests.simulation.scheduler import MINUTE

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment
    from tests.simulation.seen import Seen
    from tests.simulation.simulation import Simulation

WATCHED_MS = 2 * MINUTE
"""Schedules run so long after and before everything that happens."""


class Quiet:
    """Knows until when nothing can happen: every session runs, and every machine is well."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._until_ms = 0
        self._since_ms = 0
        self._is_off = simulation.plan.is_noisy

    def until_ms(self) -> int:
        """The end of the quiet, in the past when there is none."""
        now_ms = self._simulation.scheduler.now_ms
        if self._is_off or now_ms < self._until_ms:
            return self._until_ms
        if not self._is_quiet():
            self._since_ms = now_ms
        elif now_ms >= self._since_ms + WATCHED_MS:
            self._until_ms = self._next_news_ms() - WATCHED_MS
        return self._until_ms

    def _next_news_ms(self) -> int:
        news = self._simulation.scheduler.next_news_ms()
        ends = [
            seen.expires_ms
            for deployment in self._simulation.deployments.values()
            for seen in deployment.watch.sessions.values()
            if seen.state == State.RUNNING.value
        ]
        return min([news or NEVER, *ends])

    def _is_quiet(self) -> bool:
        simulation = self._simulation
        now_ms = simulation.scheduler.now_ms
        spells = simulation.plan.spells
        bad = any(within(now_ms, (one.from_ms, one.until_ms)) for one in spells)
        if bad and any(self._lives(one) for one in simulation.deployments.values()):
            return False
        return all(self._rests(one) for one in simulation.deployments.values())

    def _lives(self, deployment: Deployment) -> bool:
        return any(seen.ended_ms is None for seen in deployment.watch.sessions.values())

    def _rests(self, deployment: Deployment) -> bool:
        if deployment.running:
            return False
        sessions = deployment.watch.sessions.values()
        if not all(self._is_at_rest(deployment, seen) for seen in sessions):
            return False
        wanted = {seen.attempt.get("instance_id") for seen in sessions if seen.ended_ms is None}
        now_ms = self._simulation.scheduler.now_ms
        return all(
            machine.id in wanted or not machine.is_alive(now_ms)
            for machines in deployment.watch.machines.values()
            for machine in machines
        )

    def _is_at_rest(self, deployment: Deployment, seen: Seen) -> bool:
        if seen.ended_ms is not None:
            return True
        if seen.state != State.RUNNING.value or seen.item["wish"].get("agent"):
            return False
        if deployment.accounts.may_run_out(seen.item["consumer_id"]):
            return False
        machines = deployment.watch.machines[seen.id]
        now_ms = self._simulation.scheduler.now_ms
        mine = [one for one in machines if one.id == seen.attempt.get("instance_id")]
        return all(one.is_doing_well(now_ms) for one in mine)
