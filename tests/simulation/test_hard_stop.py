"""The second line, played: every sweep is broken, and sessions end at their hard max anyway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from gpu_shopper.core.states import EndReason, State
from tests.simulation import without
from tests.simulation.functions import FUNCTIONS
from tests.simulation.instants import ms_of
from tests.simulation.odds import Odds
from tests.simulation.plan import DEPLOYMENTS, Plan, Rental
from tests.simulation.scheduler import HOUR, MINUTE, Violation
from tests.simulation.seen import Seen
from tests.simulation.simulation import Simulation

CREATED_MS = MINUTE
SOMETIMES = 0.5
SWEEPS = ("ExpireSessionsFunction", "ReconcileFunction")


def played(odds: Odds, **broken: Callable[..., Any]) -> Seen:
    """What became of a session of 12 hours whose customer never ends it; no sweep ever works."""
    rental = Rental(
        deployment_id=DEPLOYMENTS[0],
        consumer_id="alice",
        provider="vastai",
        offer=0,
        create_ms=CREATED_MS,
        hours=12,
        ssh_timeout_min=10,
        extend=(),
        stop_after_ms=None,
    )
    plan = Plan(
        seed=1, odds=odds, deployments=DEPLOYMENTS[:1], providers=("vastai",), rentals=[rental]
    )
    plan.faults_end_ms = CREATED_MS + 13 * HOUR
    simulation = Simulation(plan)
    with patch.dict(FUNCTIONS, dict.fromkeys(SWEEPS, without.nothing) | broken):
        simulation.play()
    (seen,) = simulation.deployments[DEPLOYMENTS[0]].watch.sessions.values()
    return seen


@pytest.mark.parametrize("odds", [Odds(), Odds(sweep_late=1.0), Odds(sweep_twice=1.0)])
def test_a_session_ends_at_its_hard_max_though_every_sweep_is_broken(odds: Odds) -> None:
    """I1, I8: its machine outlives it by the timer's margin and its teardown."""
    seen = played(odds)
    assert (seen.state, seen.item["end_reason"]) == (State.STOPPED, EndReason.HARD_MAX)
    assert seen.ended_ms is not None
    assert seen.ended_ms < ms_of(seen.item["hard_max_at"]) + 6 * MINUTE


def test_an_execution_that_never_started_is_started_by_the_next_timer() -> None:
    """2.14: also then nobody else comes."""
    lost = iter([False, True])  # the provisioning starts, the teardown does not

    def happens(_faults: object, odds: float) -> bool:
        return odds == SOMETIMES and next(lost, False)

    with patch("tests.simulation.faults.RandomFaults.happens", happens):
        seen = played(Odds(start_lost=SOMETIMES))
    assert seen.state == State.STOPPED
    assert next(lost, None) is None


def test_without_sweeps_and_without_the_second_line_a_machine_is_left_behind() -> None:
    """N-71: it is the timer that the two tests above see."""
    with pytest.raises(Violation, match="I1"):
        played(Odds(), HardStopFunction=without.nothing)
