"""Messages of the queue: an event of the bus to be told, or a letter to be delivered."""

from __future__ import annotations

import json
from typing import Any

from gpu_shopper.edge.logs import concerning, logged
from gpu_shopper.edge.webhooks import letter_of
from gpu_shopper.edge.wiring_webhooks import hooks
from gpu_shopper.usecases import deliveries


@logged
def handler(event: dict[str, Any], _context: object) -> None:
    """One message; raised errors bring it again, and in the end to the dead letters."""
    for record in event["Records"]:
        message = json.loads(record["body"])
        letter = letter_of(message)
        if letter is None:
            with concerning(**_about(message["detail"])):
                deliveries.tell(hooks(), message["detail"])
        else:
            with concerning(webhook_id=letter.webhook_id, delivery_id=letter.delivery_id):
                deliveries.deliver(hooks(), letter)


def _about(told: dict[str, Any]) -> dict[str, Any]:
    named = {name: told[name] for name in ("operation", "session_id", "attempt") if name in told}
    return named | {"event_id": told["id"]}
