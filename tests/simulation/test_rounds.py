"""Provisioning goes on in rounds, because AWS ends each of them after five minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gpu_shopper.core.instants import from_text
from gpu_shopper.core.polling import round_is_over
from gpu_shopper.core.settings import Settings
from gpu_shopper.usecases.deps import StepResult
from tests.simulation.executions import Done, Execution, Failure
from tests.simulation.faults import RandomFaults
from tests.simulation.odds import Odds
from tests.simulation.plan import PROVIDERS, Plan
from tests.simulation.scheduler import HOUR, MINUTE, SECOND, Scheduler

IDS = {"session_id": "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a", "attempt": 1}
STEP_MS = 400
BOOT_MS = 9 * MINUTE
SETTINGS = Settings()


@dataclass
class Provisioning:
    """One attempt whose machine can be logged in to after nine minutes."""

    rests: bool = True
    scheduler: Scheduler = field(default_factory=Scheduler)
    steps: list[str] = field(default_factory=list)
    rounds: list[tuple[int, int, str]] = field(default_factory=list)
    begun: list[tuple[Execution, int]] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = Plan(
            seed=1,
            odds=Odds(),
            deployments=(),
            providers=PROVIDERS,
            rentals=[],
            refresh_every_min=1,
            faults_end_ms=HOUR,
        )
        self.execution = Execution(
            machine="ProvisionMachine",
            name=f"{IDS['session_id']}-provision-1",
            data=dict(IDS),
            scheduler=self.scheduler,
            faults=RandomFaults(plan, self.scheduler),
            invoke=self._invoke,
            on_end=lambda _one, status: self.ended.append((status, self.scheduler.now_ms)),
            round_begins=lambda one: self.begun.append((one, self.scheduler.now_ms)),
            round_ends=self._round_ended,
        )
        self.execution.begin()

    def _round_ended(self, ended: Execution, status: str) -> None:
        (began_ms,) = (began_ms for one, began_ms in self.begun if one is ended)
        self.rounds.append((began_ms, self.scheduler.now_ms, status))

    def _invoke(self, _function: str, payload: dict[str, Any], done: Done) -> None:
        self.steps.append(payload["step"])
        self.scheduler.after(STEP_MS, lambda: done(self._result(payload)))

    def _result(self, payload: dict[str, Any]) -> StepResult | Failure:
        assert {name: payload[name] for name in IDS} == IDS
        if payload["step"] == "verify":
            return StepResult("done")
        is_up = self.scheduler.now_ms >= BOOT_MS
        wait_s = 0 if payload["step"] == "launch" or is_up else 15
        outcome = "verify" if is_up and payload["step"] == "look" else "look"
        if self.rests and self._is_over(from_text(payload["round_began_at"]), wait_s):
            outcome = "rest"
        return StepResult(outcome, wait_s)

    def _is_over(self, began_at: datetime, wait_s: int) -> bool:
        return round_is_over(began_at, self.scheduler.now(), wait_s, SETTINGS)


def test_a_machine_that_boots_for_long_is_waited_for_in_rounds_and_none_is_cut_off() -> None:
    told = Provisioning()
    told.scheduler.start()
    assert [status for status, _ in told.ended] == ["SUCCEEDED"]
    assert {status for _, _, status in told.rounds} == {"SUCCEEDED"}
    assert max(until_ms - from_ms for from_ms, until_ms, _ in told.rounds) < 170 * SECOND
    assert len(told.rounds) == 4
    assert told.steps[-2:] == ["look", "verify"]


def test_between_two_rounds_no_look_comes_early_and_none_late() -> None:
    """M-21: the wait before the next look is the same, whichever round it falls into."""
    told = Provisioning()
    told.scheduler.start()
    handed_over = [told.rounds[n + 1][0] - told.rounds[n][1] for n in range(3)]
    assert max(handed_over) < SECOND
    assert told.steps.count("look") == BOOT_MS // (15 * SECOND + STEP_MS) + 1


def test_a_round_that_never_rests_is_ended_by_aws_and_its_execution_fails() -> None:
    """N-30: the sweep finds the session, whose step is overdue."""
    told = Provisioning(rests=False)
    told.scheduler.start()
    ((from_ms, until_ms, status),) = told.rounds
    assert (until_ms - from_ms, status) == (300 * SECOND, "TIMED_OUT")
    assert [status for status, _ in told.ended] == ["FAILED"]


def test_a_round_that_dies_takes_its_execution_along() -> None:
    told = Provisioning()
    told.scheduler.at(MINUTE, lambda: told.begun[0][0].kill())
    told.scheduler.start()
    ((status, ended_ms),) = told.ended
    assert (status, ended_ms - MINUTE < SECOND) == ("FAILED", True)


def test_an_execution_that_is_stopped_begins_no_other_round() -> None:
    """AWS stops the one that is asked for; its round goes on until it rests."""
    told = Provisioning()
    told.scheduler.at(MINUTE, told.execution.kill)
    told.scheduler.start()
    assert told.ended == [("KILLED", MINUTE)]
    assert [status for _, _, status in told.rounds] == ["SUCCEEDED"]
