"""A session's own timer: it ends at its hard max, whatever became of the sweeps."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import HardStopEvent
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.hard_stop import hard_stop


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One look at one session."""
    asked = HardStopEvent.model_validate(event)
    stopped = asdict(hard_stop(deps(), asked.session_id))
    logger.info("hard stop", extra={"session_id": asked.session_id, **stopped})
    return stopped
