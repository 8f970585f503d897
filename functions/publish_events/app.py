"""What the audit's stream brings goes to the event bus."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.logs import logged, logger
from gpu_shopper.edge.publishing import published
from gpu_shopper.edge.wiring import event_bus


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One batch of the stream; names the records that must come again."""
    unpublished = published(event["Records"], event_bus(), logger)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in unpublished]}
