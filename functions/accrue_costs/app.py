"""Every five minutes: what live sessions have cost is booked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.ledger import accrue_costs


@logged
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One run."""
    return asdict(accrue_costs(deps()))
