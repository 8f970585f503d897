"""Every way out of the product: here time passes, and here functions die."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpu_shopper.core.instances import Instance
from tests.simulation.cloud import Cloud
from tests.simulation.faults import RandomFaults, StoreFault
from tests.simulation.machine import Machine
from tests.simulation.plan import Plan
from tests.simulation.rows import failure
from tests.simulation.scheduler import Killed, Run, Scheduler

STORE_MS = 4


def _briefly(operation: str, answer: Any) -> str:
    """What a call answered, without what the store and objects hold."""
    if isinstance(answer, dict):
        items = answer.get("Items")
        return "" if items is None else f" -> {len(items)} items"
    if answer is None:
        return " -> not found" if ".find " in operation else ""
    if isinstance(answer, list):
        return f" -> {[one.id for one in answer]}"
    if isinstance(answer, Instance):
        return f" -> {answer.id} is {answer.status}"
    return f" -> {answer}"


class Ports:
    """Carries out calls of the runs; shared by all deployments of one simulation."""

    def __init__(
        self, plan: Plan, scheduler: Scheduler, faults: RandomFaults, clouds: dict[str, Cloud]
    ) -> None:
        self.plan = plan
        self.scheduler = scheduler
        self.faults = faults
        self.clouds = clouds
        self.runs: dict[Run, str] = {}
        self.story: list[str] | None = None

    def tell(self, line: Callable[[], str]) -> None:
        """One line of the story, if somebody wants to read it."""
        if self.story is not None:
            at_ms = self.scheduler.now_ms
            clock = f"{at_ms // 3_600_000:02}:{at_ms // 60_000 % 60:02}:{at_ms / 1000 % 60:06.3f}"
            self.story.append(f"{clock} {line()}")

    def kill_runs(self, deployment_id: str) -> None:
        """Runs of that deployment die in the call that they are in."""
        for run, owner in self.runs.items():
            run.is_dead = run.is_dead or owner == deployment_id

    def call(self, operation: str, effect: Callable[[], Any], before_ms: int, after_ms: int) -> Any:
        """Time, `effect`, time; a crash may come before or after the effect."""
        run = self.scheduler.run_now
        assert run is not None, f"{operation} outside a run"
        self._pass(run, operation, "before", before_ms)
        answer = effect()
        if self.story is not None:
            self.tell(lambda: f"{run.name}: {operation}{_briefly(operation, answer)}")
        self._pass(run, operation, "after", after_ms)
        return answer

    def _pass(self, run: Run, operation: str, when: str, wait_ms: int) -> None:
        run.calls += 1
        if self.faults.crashes(run, when, operation):
            self.tell(lambda: f"{run.name}: dies {when} {operation}")
            raise Killed
        wait_ms += self.faults.stall_ms()
        if wait_ms:
            self.scheduler.sleep(wait_ms)

    def machine_at(self, port: int) -> Machine:
        """The machine that has, or had, this port."""
        name = str(port % 10_000)
        return next(c.machines[name] for c in self.clouds.values() if name in c.machines)

    def store_call(self, operation: str, effect: Callable[[], Any]) -> Any:
        """A call of the store; its answer may be lost, and then boto3 asks again."""
        match self.faults.store_fault():
            case StoreFault.NONE:
                return self.call(operation, effect, STORE_MS, 0)
            case StoreFault.REFUSED:
                raise failure(operation, "InternalServerError")
            case StoreFault.ANSWER_LOST:
                self.call(operation, effect, STORE_MS, STORE_MS)
                raise failure(operation, "InternalServerError")
            case StoreFault.ASKED_AGAIN:
                answer = self.call(operation, effect, STORE_MS, STORE_MS)
                # Transactions carry a token by which the second is known.
                once = operation == "transact_write_items"
                return answer if once else self.call(operation, effect, STORE_MS, 0)
