"""Every five minutes: what live sessions have cost is booked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.ledger import accrue_costs

NAMED = 20
"""Sessions that the error names; a store that is down fails all of them."""


class NotBooked(Exception):
    """Some sessions could not be booked; all others were, and the next run tries these again."""


@logged
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One run. Raises NotBooked, so that it lies among the dead letters and somebody is told."""
    accrued = accrue_costs(deps())
    if accrued.failed:
        named = ", ".join(accrued.failed[:NAMED])
        raise NotBooked(f"{len(accrued.failed)} sessions not booked, among them {named}")
    return asdict(accrued)
