"""Steps of the provision machine that talk to a provider."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import StepEvent, told
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.rounds import within_round

STEPS = {"launch": launch, "look": look}


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One step of one attempt."""
    asked = StepEvent.model_validate(event)
    result = STEPS[asked.step](deps(), asked.session_id, asked.attempt)
    return told(logger, asked, within_round(deps(), asked.round_began_at, result))
