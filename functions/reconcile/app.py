"""Every minute, for one provider: compare what we believe with what it shows; single orphans."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.steps import OrphanEvent, ProviderEvent
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.orphan_wishes import carry_out
from gpu_shopper.usecases.reconcile import reconcile


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One pass, or one wish of an operator."""
    if "act" in event:
        return asdict(carry_out(deps(), OrphanEvent.model_validate(event).wish()))
    asked = ProviderEvent.model_validate(event)
    reconciled = reconcile(deps(), asked.provider)
    logger.info("reconcile", provider=asked.provider, **asdict(reconciled))
    return asdict(reconciled)
