"""On schedules, for one provider: fetch its whole market, or its templates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import RefreshEvent
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.refresh import refresh_inventory, refresh_templates

FEEDS = {"offers": refresh_inventory, "templates": refresh_templates}


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One fetch."""
    asked = RefreshEvent.model_validate(event)
    refreshed = FEEDS[asked.what](deps(), asked.provider)
    logger.info("refresh", what=asked.what, provider=asked.provider, **asdict(refreshed))
    return asdict(refreshed)
