"""Steps of the teardown machine."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import StepEvent, told
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.teardown import ask, prove

STEPS = {"ask": ask, "prove": prove}


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One step of one teardown."""
    asked = StepEvent.model_validate(event)
    result = STEPS[asked.step](deps(), asked.session_id, asked.attempt)
    return told(logger, asked, result)
