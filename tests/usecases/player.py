"""Plays state machines and sweeps on the test's clock: what is due next happens next."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gpu_shopper.core.states import State
from gpu_shopper.usecases.deps import Machine, StepResult
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.teardown import ask, prove
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeProbe
from tests.world import World

EVERY_S = 60
FIRST_STEP = {Machine.PROVISION: "launch", Machine.TEARDOWN: "ask"}
ENDS = ("done", "handover")


class Killed(BaseException):
    """The function died here; no handler of errors catches that."""


@dataclass
class Player:
    """Delivers each task `deliveries` times, and again while it dies, `tries` times in all.

    `most_alive` is the largest number of machines that lived at one moment.
    """

    world: World
    probe: FakeProbe = field(default_factory=FakeProbe)
    deliveries: int = 1
    tries: int = 1
    most_alive: int = 0
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _begun: int = 0

    def __post_init__(self) -> None:
        self._later(EVERY_S, self._sweep)

    def until(self, session_id: str, *states: State, within_s: float = 7_200) -> State:
        """Play until the session is in one of `states`; its state then."""
        give_up = self.world.clock.at + timedelta(seconds=within_s)
        while (state := self.world.session(session_id).state) not in states:
            assert self.world.clock.at < give_up, f"still {state}"
            self.next()
        return state

    def next(self) -> None:
        """Whatever is due next: one task, or the sweeps."""
        self._begin_executions()
        at, _, act = heapq.heappop(self._agenda)
        self.world.clock.at = max(at, self.world.clock.at)
        act()
        self._begin_executions()
        self.most_alive = max(self.most_alive, len(self.world.vast.instances))

    def _begin_executions(self) -> None:
        started = self.world.machines.started
        while self._begun < len(started):
            machine, session_id, attempt, _ = started[self._begun]
            self._begun += 1
            self._step(FIRST_STEP[machine], session_id, attempt, 0)

    def _step(self, name: str, session_id: str, attempt: int, wait_s: float) -> None:
        self._later(wait_s, lambda: self._deliver(name, session_id, attempt))

    def _deliver(self, name: str, session_id: str, attempt: int) -> None:
        results = [self._tried(name, session_id, attempt) for _ in range(self.deliveries)]
        result = results[-1]
        if result is not None and result.outcome not in ENDS:
            self._step(result.outcome, session_id, attempt, result.wait_s)

    def _tried(self, name: str, session_id: str, attempt: int) -> StepResult | None:
        """What the task gave; None when it died as often as it was tried: so did its execution."""
        for _ in range(self.tries):
            with suppress(Killed):
                return self._act(name, session_id, attempt)
        return None

    def _act(self, name: str, session_id: str, attempt: int) -> StepResult:
        if name == "verify":
            return verify(self.world.deps, self.probe, session_id, attempt)
        steps = {"launch": launch, "look": look, "ask": ask, "prove": prove}
        return steps[name](self.world.deps, session_id, attempt)

    def _sweep(self) -> None:
        """Every schedule of the product, once."""
        self._later(EVERY_S, self._sweep)
        deps = self.world.deps
        for sweep in (
            self.world.publish,
            lambda: expire_sessions(deps),
            lambda: reconcile(deps, "vastai"),
        ):
            with suppress(Killed):
                sweep()

    def _later(self, wait_s: float, act: Callable[[], None]) -> None:
        at = self.world.clock.at + timedelta(seconds=wait_s)
        heapq.heappush(self._agenda, (at, next(self._numbers), act))
