"""What each function of the template runs, and for how long it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from functions.provision_step.app import STEPS as PROVISION_STEPS
from functions.teardown_step.app import STEPS as TEARDOWN_STEPS
from functions.verify_ssh.app import STEPS as VERIFY_STEPS
from gpu_shopper.core.instants import from_text
from gpu_shopper.usecases.deps import Deps, Probe, StepResult
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.hard_stop import hard_stop
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.refresh import refresh_inventory
from gpu_shopper.usecases.rounds import within_round
from tests.simulation.scheduler import SECOND
from tests.template.test_functions import function_timeout_s

type Body = Callable[[Deps, Probe, dict[str, Any]], Any]


def _step(steps: Mapping[str, Callable[..., Any]]) -> Body:
    return lambda deps, _probe, event: _in_round(
        deps, event, steps[event["step"]](deps, event["session_id"], event["attempt"])
    )


def _in_round(deps: Deps, event: dict[str, Any], result: StepResult) -> StepResult:
    began_at = event.get("round_began_at")
    return within_round(deps, from_text(began_at) if began_at else None, result)


FUNCTIONS: Mapping[str, Body] = {
    "ProvisionStepFunction": _step(PROVISION_STEPS),
    "TeardownStepFunction": _step(TEARDOWN_STEPS),
    "VerifySshFunction": lambda deps, probe, event: _in_round(
        deps,
        event,
        VERIFY_STEPS[event["step"]](deps, probe, event["session_id"], event["attempt"]),
    ),
    "ExpireSessionsFunction": lambda deps, _probe, _event: expire_sessions(deps),
    "HardStopFunction": lambda deps, _probe, event: hard_stop(deps, event["session_id"]),
    "ReconcileFunction": lambda deps, _probe, event: reconcile(deps, event["provider"]),
    "RefreshInventoryFunction": lambda deps, _probe, event: refresh_inventory(
        deps, event["provider"]
    ),
    "AccrueCostsFunction": lambda deps, _probe, _event: accrue_costs(deps),
}
"""By logical id: the calls that functions/*/app.py make, without the wiring."""

API = "SessionsApiFunction"
HEARTBEATS = "HeartbeatApiFunction"


@cache
def timeout_ms(function: str) -> int:
    """After so long the function is killed."""
    return function_timeout_s(function) * SECOND
