"""Every minute: how things stand, as gauges."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.gauges import publish_gauges


@logged
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One count of everything."""
    return asdict(publish_gauges(deps()))
