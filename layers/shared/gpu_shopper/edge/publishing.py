"""Records of the audit's stream become events on the bus, as docs/events.md describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from typing import Any

from aws_lambda_powertools import Logger
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.core.audit import AuditEvent
from gpu_shopper.edge.answers.audit import EventBody
from gpu_shopper.store import audit

SOURCE = "gpu-shopper"
VERSION = 1
"""Grows when a field changes its meaning or goes; a new field is no new version."""

AT_ONCE = 10
"""Entries that one call to EventBridge may have."""


@dataclass(frozen=True, slots=True)
class EventBus:
    """Where events of this deployment are published; `client` is EventBridge's."""

    client: Any
    name: str
    deployment_id: str


def published(records: Iterable[dict[str, Any]], bus: EventBus, logger: Logger) -> list[str]:
    """Publish what the records tell; the sequence numbers of those that must come again.

    A record that cannot be read is logged and passed over: it would keep all later ones back, and
    what it tells is in the audit.
    """
    unpublished: list[str] = []
    for some in batched(_readable(records, logger), AT_ONCE):
        failed = _put(bus, [event for _, event in some], logger)
        unpublished += [number for at, (number, _) in enumerate(some) if at in failed]
    return unpublished


def _readable(
    records: Iterable[dict[str, Any]], logger: Logger
) -> Iterator[tuple[str, AuditEvent]]:
    read = TypeDeserializer().deserialize
    for record in records:
        try:
            told = record["dynamodb"]
            number: str = told["SequenceNumber"]
            image = {name: read(value) for name, value in told["NewImage"].items()}
            yield number, audit.from_row(image)
        except (KeyError, TypeError, ValueError, AttributeError):
            logger.exception("a record of the audit's stream cannot be read")


def _put(bus: EventBus, events: list[AuditEvent], logger: Logger) -> set[int]:
    """The positions of the events that the bus did not take."""
    try:
        answer = bus.client.put_events(Entries=[_entry(bus, one) for one in events])
    except (ClientError, BotoCoreError):
        logger.exception("the event bus does not answer")
        return set(range(len(events)))
    refused = {at for at, one in enumerate(answer["Entries"]) if one.get("ErrorCode")}
    if refused:
        logger.warning("the event bus refused events", extra={"refused": len(refused)})
    return refused


def _entry(bus: EventBus, event: AuditEvent) -> dict[str, Any]:
    return {
        "Time": event.at,
        "Source": SOURCE,
        "DetailType": event.operation,
        "Detail": json.dumps(detail(event, bus.deployment_id)),
        "EventBusName": bus.name,
    }


def detail(event: AuditEvent, deployment_id: str) -> dict[str, Any]:
    """The event as the bus carries it: what the audit shows, without the caller's address."""
    shown = EventBody.of(event).model_dump()
    shown.pop("source_ip", None)
    return {"version": VERSION, "deployment_id": deployment_id, **shown}
