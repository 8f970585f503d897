"""Audit events."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.audit import AuditEvent, Origin
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge.answers.values import Shown


class ActorBody(Shown):
    """By what something was done, and with which key."""

    type: str
    key_id: str | None

    @classmethod
    def of(cls, origin: Origin) -> ActorBody:
        """The actor of an event."""
        return cls(type=origin.actor.value, key_id=origin.key_id)


class EventBody(Shown):
    """One fact, as it was written down when it became true."""

    id: str
    at: str
    operation: str
    session_id: str | None
    consumer_id: str | None
    provider: str | None
    instance_id: str | None
    attempt: int | None
    actor: ActorBody
    reason: str | None
    request_id: str | None
    source_ip: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, event: AuditEvent) -> EventBody:
        """The event as operators see it."""
        return cls(
            id=event.id,
            at=to_text(event.at),
            operation=event.operation,
            session_id=event.session_id,
            consumer_id=event.consumer_id,
            provider=event.provider,
            instance_id=event.instance_id,
            attempt=event.attempt,
            actor=ActorBody.of(event.origin),
            reason=event.reason,
            request_id=event.origin.request_id,
            source_ip=event.origin.source_ip,
            details=dict(event.details),
        )


class EventsBody(Shown):
    """One page of events, in order of time."""

    events: list[EventBody]
    count: int
    next_cursor: str | None = None
