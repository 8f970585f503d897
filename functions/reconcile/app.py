"""For one provider: compare machines every minute and charges every day; single orphans."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import OrphanEvent, ReconcileEvent
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.charges import compare_charges
from gpu_shopper.usecases.orphan_wishes import carry_out
from gpu_shopper.usecases.reconcile import reconcile


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One pass, one comparison of charges, or one wish of an operator."""
    if "act" in event:
        return asdict(carry_out(deps(), OrphanEvent.model_validate(event).wish()))
    asked = ReconcileEvent.model_validate(event)
    if asked.what == "charges":
        return asdict(compare_charges(deps(), asked.provider, asked.day))
    reconciled = reconcile(deps(), asked.provider)
    logger.info("reconcile", provider=asked.provider, **asdict(reconciled))
    return asdict(reconciled)
