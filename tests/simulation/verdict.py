"""What must hold over time: how long a machine may outlive its session, and all has its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_shopper.core.labels import Label
from gpu_shopper.store.sessions import UNSETTLED
from tests.simulation.bill import check_accounts, check_bill, check_ledger, check_strays
from tests.simulation.excuses import excused_ms
from tests.simulation.machine import NEVER, Machine
from tests.simulation.patience import check_patience
from tests.simulation.scheduler import MINUTE, SECOND, Violation

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment
    from tests.simulation.seen import Seen
    from tests.simulation.simulation import Simulation

OUTLIVES_MS = 6 * MINUTE
"""I1: so long a machine may outlive its session, besides what `excuses` allows."""

TWO_ALIVE_MS = 3 * MINUTE
"""I4: a second machine of a session is found and ended in this time."""


class Verdict:
    """Judges the run."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @property
    def _now_ms(self) -> int:
        return self._simulation.scheduler.now_ms

    def machine_rented(self, deployment: Deployment, machine: Machine, label: Label) -> None:
        """I4: an attempt begins when its predecessor's machine is gone; twins end soon."""
        others = deployment.watch.machines[label.session_id]
        alive = [one for one in others if one is not machine and one.is_alive(self._now_ms)]
        honest = [one for one in alive if not one.has_deceived(self._now_ms)]
        if any(one.label != machine.label for one in honest):
            raise Violation(f"I4 {machine.label} was rented while an earlier attempt's lives")
        if alive:
            rented_ms = self._now_ms
            self._simulation.scheduler.after(
                TWO_ALIVE_MS, lambda: self._check_twins(deployment, label, rented_ms)
            )

    def _check_twins(self, deployment: Deployment, label: Label, rented_ms: int) -> None:
        """Of those that were there then; a later attempt's twins have their own time."""
        machines = deployment.watch.machines[label.session_id]
        old = [one for one in machines if one.created_ms <= rented_ms]
        alive = [one for one in old if one.is_alive(self._now_ms)]
        if len(alive) < 2:
            return
        allowed_ms = TWO_ALIVE_MS + sum(
            excused_ms(self._simulation.plan, deployment, one, rented_ms, self._now_ms)
            for one in alive
        )
        if self._now_ms - rented_ms > allowed_ms:
            raise Violation(f"I4 {label} has {len(alive)} machines after {allowed_ms / 1000} s")
        self._simulation.scheduler.after(
            20 * SECOND, lambda: self._check_twins(deployment, label, rented_ms)
        )

    def machine_gone(self, machine: Machine) -> None:
        """I1: nobody paid for it much longer than its session wanted it."""
        for deployment in self._simulation.deployments.values():
            for session_id, machines in deployment.watch.machines.items():
                if machine in machines:
                    self._check_overstay(deployment, session_id, machine)

    def _check_overstay(self, deployment: Deployment, session_id: str, machine: Machine) -> None:
        now_ms = self._now_ms
        seen = deployment.watch.sessions.get(session_id)
        unwanted_ms = _wanted_until_ms(seen, machine) if seen else machine.created_ms
        from_ms = max(unwanted_ms, machine.paid[-1][0])
        if now_ms - from_ms <= OUTLIVES_MS:
            return
        excuse_ms = excused_ms(self._simulation.plan, deployment, machine, from_ms, now_ms)
        if now_ms - from_ms > OUTLIVES_MS + excuse_ms:
            raise Violation(
                f"I1 machine {machine.id} of {machine.label} lived {(now_ms - from_ms) / 1000} s"
                f" too long; {OUTLIVES_MS / 1000} s and {excuse_ms / 1000} s may be"
            )

    def so_far(self, deployment: Deployment) -> None:
        """I1, I7 and N-70, long before the end of the run."""
        deployment.accounts.check_ends()
        for seen in deployment.watch.sessions.values():
            if seen.ended_ms is None:
                check_patience(self._simulation.plan, deployment, seen, self._now_ms)
        for session_id, machines in deployment.watch.machines.items():
            for machine in machines:
                if machine.is_alive(self._now_ms):
                    self._check_overstay(deployment, session_id, machine)

    def all_has_ended(self) -> bool:
        """Nothing lives and nothing is under way."""
        simulation = self._simulation
        if not all(one.is_done for one in simulation.customers):
            return False
        return all(
            not deployment.running
            and not deployment.rows["SessionsTable"].partition(UNSETTLED)
            and all(seen.ended_ms is not None for seen in deployment.watch.sessions.values())
            and not self._living(deployment)
            for deployment in simulation.deployments.values()
        )

    def _living(self, deployment: Deployment) -> list[Machine]:
        return [
            machine
            for machines in deployment.watch.machines.values()
            for machine in machines
            if machine.is_alive(self._now_ms)
        ]

    def at_the_end(self) -> None:
        """I7 and N-66: long after the last fault everything has ended; I5: at its price."""
        for deployment in self._simulation.deployments.values():
            self.so_far(deployment)
            for seen in deployment.watch.sessions.values():
                if seen.ended_ms is None:
                    raise Violation(f"I7 session {seen.id} is {seen.state} at the end")
                check_ledger(deployment, seen)
                check_strays(deployment, seen)
                check_bill(seen, deployment.watch.machines.get(seen.id, []))
            check_accounts(deployment)
            deployment.audits.check()
            self._check_counts(deployment)
            for machine in self._living(deployment):
                raise Violation(f"I1 machine {machine.id} of {machine.label} lives at the end")
        for cloud in self._simulation.clouds.values():
            for machine in cloud.machines.values():
                if not machine.is_ours and not machine.is_alive(self._now_ms):
                    raise Violation(f"I3 machine {machine.id} of {machine.label} was ended")

    def _check_counts(self, deployment: Deployment) -> None:
        """M-94: as many beginnings and ends are told as there are sessions."""
        told, sessions = deployment.audits.told, len(deployment.watch.sessions)
        for operation in ("session_created", "session_destroyed"):
            if told[operation] != sessions:
                raise Violation(f"M-94 {told[operation]} {operation} of {sessions} sessions")


def _wanted_until_ms(seen: Seen, machine: Machine) -> int:
    """When nobody wanted it any more: its session ended, or had another machine or attempt."""
    assert machine.label is not None
    number = int(machine.label.rsplit("-", 1)[1])
    ends = [seen.expires_ms, seen.replaced_ms.get(number, NEVER)]
    if seen.stop_ms is not None:
        ends.append(seen.stop_ms)
    rivals = [at_ms for known, at_ms in seen.known_ms.items() if known != machine.id]
    if machine.id not in seen.known_ms and rivals:
        ends.append(max(machine.created_ms, min(rivals)))
    return min(ends)
