"""Every minute, for one provider: fetch its whole market."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.steps import ProviderEvent
from gpu_shopper.edge.wiring import deps, logger
from gpu_shopper.usecases.refresh import refresh_inventory


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One refresh."""
    asked = ProviderEvent.model_validate(event)
    refreshed = refresh_inventory(deps(), asked.provider)
    logger.info("refresh", provider=asked.provider, **asdict(refreshed))
    return asdict(refreshed)
