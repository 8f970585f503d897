"""Messages of the queue: an event of the bus to be told, or a letter to be delivered."""

from __future__ import annotations

import json
from typing import Any

from gpu_shopper.edge.webhooks import letter_of
from gpu_shopper.edge.wiring_webhooks import hooks
from gpu_shopper.usecases import deliveries


def handler(event: dict[str, Any], _context: object) -> None:
    """One message; raised errors bring it again, and in the end to the dead letters."""
    for record in event["Records"]:
        message = json.loads(record["body"])
        letter = letter_of(message)
        if letter is None:
            deliveries.tell(hooks(), message["detail"])
        else:
            deliveries.deliver(hooks(), letter)
