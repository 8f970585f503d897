"""The verify step: the only function that speaks SSH."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.steps import StepEvent, told
from gpu_shopper.edge.wiring import deps, logger
from gpu_shopper.ssh.probe import try_login
from gpu_shopper.usecases.verify import verify


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One SSH try of one attempt."""
    asked = StepEvent.model_validate(event)
    result = verify(deps(), try_login, asked.session_id, asked.attempt)
    return told(logger, asked, result)
