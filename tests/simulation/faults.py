"""When things go wrong, call by call: the plan's odds and one stream of random numbers."""

from __future__ import annotations

from enum import Enum
from random import Random

from gpu_shopper.errors.provider import LaunchUncertain, ProviderError
from tests.simulation.odds import Odds
from tests.simulation.plan import Plan
from tests.simulation.provider import DOUBTS, FAILURES, LAUNCH_MS, READ_TIMEOUT_MS, REFUSALS, Fault
from tests.simulation.scheduler import SECOND, Run, Scheduler


class StoreFault(Enum):
    """What can go wrong with a call of the store."""

    NONE = 0
    REFUSED = 1
    ANSWER_LOST = 2
    ASKED_AGAIN = 3


_STORE_FAULTS = (StoreFault.REFUSED, StoreFault.ANSWER_LOST, StoreFault.ASKED_AGAIN)


PASS_READS_MS = (400, 425)
"""So long after its beginning a pass of the reconciler, undisturbed, has read the sessions."""


class RandomFaults:
    """Draws the faults of one run of the simulation; none after the plan's end of faults."""

    def __init__(self, plan: Plan, scheduler: Scheduler) -> None:
        self._plan = plan
        self.scheduler = scheduler
        self._random = Random(plan.seed + 1)
        self.odds = plan.odds
        self.passes_ms: dict[str, int] = {}
        scheduler.at(plan.faults_end_ms, self._end)

    def _end(self) -> None:
        self.odds = Odds()

    def happens(self, odds: float) -> bool:
        """One draw; no number is taken for what cannot happen."""
        return odds > 0 and self._random.random() < odds

    def between(self, least: int, most: int) -> int:
        """A whole number of that range."""
        return self._random.randint(least, most)

    def crashes(self, run: Run, when: str, operation: str) -> bool:
        """Whether the function dies here: `before` this call, or `after` it."""
        crash = self.odds.crash
        return crash > 0 and self._random.random() < crash

    def stall_ms(self) -> int:
        """How long this call takes above the usual: often until just after something else."""
        stall = self.odds.stall
        if not stall or self._random.random() >= stall:
            return 0
        next_ms = self.scheduler.next_ms()
        if next_ms is None or self._random.random() < 0.3:
            return self.between(50, 12 * SECOND)
        return min(20 * SECOND, next_ms - self.scheduler.now_ms + self.between(1, 40))

    def store_fault(self) -> StoreFault:
        """What goes wrong with a call of the store."""
        if not self.happens(self.odds.store_fails):
            return StoreFault.NONE
        return self._random.choice(_STORE_FAULTS)

    def of_call(self, provider: str, method: str) -> Fault | None:
        """What goes wrong with a call to a provider."""
        fault = self._of_spell(provider, method)
        if fault is not None:
            return fault
        if method == "launch":
            return self._of_launch(provider)
        odds = self.odds
        if self.happens(odds.call_hangs):
            return Fault(DOUBTS[-1](), self.happens(0.5), wait_ms=READ_TIMEOUT_MS)
        if self.happens(odds.call_fails):
            return Fault(self._random.choice(FAILURES)(), takes_effect=self.happens(0.5))
        return None

    def _of_spell(self, provider: str, method: str) -> Fault | None:
        now_ms = self.scheduler.now_ms
        for spell in self._plan.spells:
            if spell.provider != provider or method not in spell.methods:
                continue
            if spell.from_ms <= now_ms < spell.until_ms and self.happens(spell.odds):
                return self._failure(method)
        return None

    def _failure(self, method: str) -> Fault:
        wait_ms = READ_TIMEOUT_MS if self.happens(0.2) else 0
        if method == "launch":
            return Fault(self._random.choice(DOUBTS)(), wait_ms=wait_ms)
        return Fault(self._random.choice(FAILURES)(), self.happens(0.1), wait_ms=wait_ms)

    def _of_launch(self, provider: str) -> Fault | None:
        odds = self.odds
        slow_ms = READ_TIMEOUT_MS if self.happens(0.3) else 0
        if self.happens(odds.launch_refused):
            return Fault(self._random.choice(REFUSALS)())
        if self.happens(odds.launch_unclear):
            return Fault(self._random.choice(DOUBTS)(), wait_ms=slow_ms)
        lost: ProviderError = LaunchUncertain("no answer")
        if self.happens(odds.launch_lost):
            return Fault(lost, takes_effect=True, wait_ms=slow_ms)
        if self.happens(odds.launch_late):
            late_ms = 1_200 + slow_ms + self.between(0, 20) * SECOND
            return Fault(lost, effect_later_ms=late_ms, wait_ms=slow_ms)
        if self.happens(odds.launch_error_rented):
            return Fault(lost, takes_effect=True, rents=True)
        if self.happens(odds.launch_twice):
            wait_ms = self._until_pass_ms(provider) or self.between(0, READ_TIMEOUT_MS)
            return Fault(
                None, takes_effect=True, twice=True, told=self.between(0, 1), wait_ms=wait_ms
            )
        return None

    def _until_pass_ms(self, provider: str) -> int:
        """Until the reconciler, on its next pass, has just read what we know; 0 if not now."""
        pass_ms = self.passes_ms.get(provider, 0) + self.between(*PASS_READS_MS)
        wait_ms = pass_ms - self.scheduler.now_ms - LAUNCH_MS
        return wait_ms if 0 < wait_ms < READ_TIMEOUT_MS and self.happens(0.5) else 0
