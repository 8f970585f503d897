"""The simulation itself: promises hold, runs repeat, crashes do no harm, missing rules are seen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation import story
from tests.simulation.catching import caught
from tests.simulation.crashes import PATHS, singles, with_crashes
from tests.simulation.mutants import MUTANTS, RARELY_NOTICED, Mutant
from tests.simulation.odds import Odds
from tests.simulation.plan import drawn
from tests.simulation.runner import played
from tests.simulation.scheduler import Run, Scheduler, carried_out
from tests.simulation.simulation import Simulation, simulated
from tests.template.cfn import ROOT

SEEDS_PER_TEST = 25
MOST_SEEDS = 2_000


@pytest.mark.parametrize("first", range(1, 151, SEEDS_PER_TEST))
def test_every_promise_holds_whatever_goes_wrong(first: int) -> None:
    """N-66, N-67, N-68, N-69, N-70: a sample; `make simulate` plays ten thousand seeds."""
    for seed in range(first, first + SEEDS_PER_TEST):
        assert played(simulated(seed), str(seed)).broken == []


@pytest.mark.parametrize("path", PATHS)
def test_a_function_may_die_at_any_call(path: str) -> None:
    """N-29, M-50, M-54: before and after each call to store, provider, state machine and SSH."""
    for crash_at in singles(PATHS[path]):
        simulation, _ = with_crashes(PATHS[path], *crash_at)
        assert played(simulation, f"{path} {crash_at}").broken == []


@pytest.mark.parametrize("seed", [3, 25, 601])
def test_a_seed_is_played_again_exactly(seed: int) -> None:
    """N-66: in another process too, whose sets and dicts have other orders of hashing."""
    told = story.readable(story.told(simulated(seed))[0])
    again = subprocess.run(
        [sys.executable, "-m", "tests.simulation", str(seed)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/shared'}", "PYTHONHASHSEED": str(seed)},
    )
    assert told == again.stdout.splitlines()[-len(told) - 1 : -1]
    assert len(told) > 10


def test_a_run_without_faults_ends_as_its_customers_wish() -> None:
    plan = drawn(5)
    plan.odds, plan.spells, plan.restarts_ms, plan.orphans = Odds(), [], [], 0
    simulation = Simulation(plan)
    simulation.play()
    sessions = [
        seen for one in simulation.deployments.values() for seen in one.watch.sessions.values()
    ]
    assert {seen.item["end_reason"] for seen in sessions} <= {"user_requested", "expired"}
    assert len(sessions) >= 1


@pytest.mark.parametrize(
    "mutant",
    [one for one in MUTANTS if one.rule not in RARELY_NOTICED],
    ids=lambda mutant: mutant.rule,
)
def test_a_missing_rule_is_noticed(mutant: Mutant) -> None:
    """N-71: by the seed that is known for it; `make mutants` looks for others."""
    assert caught(MOST_SEEDS, mutant).seed is not None


def test_runs_go_on_in_the_order_of_their_instants() -> None:
    """A run that waits keeps its place in its work, and everybody else goes on."""
    scheduler, seen = Scheduler(), list[tuple[int, str]]()

    def run(name: str, waits: list[int]) -> None:
        def body() -> None:
            for wait_ms in waits:
                seen.append((scheduler.now_ms, name))
                scheduler.sleep(wait_ms)
            seen.append((scheduler.now_ms, name))

        carried_out(scheduler, Run(name, 1_000), body)

    scheduler.at(0, lambda: run("a", [10, 10]))
    scheduler.at(5, lambda: run("b", [10, 1]))
    scheduler.start()
    assert seen == [(0, "a"), (5, "b"), (10, "a"), (15, "b"), (16, "b"), (20, "a")]


def test_a_run_dies_when_its_functions_time_is_over() -> None:
    scheduler, seen = Scheduler(), list[str]()

    def body() -> None:
        scheduler.sleep(99)
        seen.append("still there")
        scheduler.sleep(1)
        seen.append("never")

    scheduler.at(0, lambda: carried_out(scheduler, Run("a", 100), body))
    scheduler.start()
    assert seen == ["still there"]
    assert scheduler.now_ms == 100
