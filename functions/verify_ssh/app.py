"""The verify step and the checks of running machines: the only function that speaks SSH."""

from __future__ import annotations

from functools import partial
from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import StepEvent, told
from gpu_shopper.edge.wiring import deps
from gpu_shopper.ssh.probe import try_login
from gpu_shopper.usecases.checking import check
from gpu_shopper.usecases.rounds import within_round
from gpu_shopper.usecases.verify import verify

STEPS = {"verify": verify, "check": check}


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One SSH try of one attempt, or one check of a running machine."""
    asked = StepEvent.model_validate(event)
    probe = partial(try_login, public_only=deps().public_targets_only)
    result = STEPS[asked.step](deps(), probe, asked.session_id, asked.attempt)
    return told(logger, asked, within_round(deps(), asked.round_began_at, result))
