"""On whose behalf this function runs: whoever sent the request, or what the function is."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from gpu_shopper.core.audit import ActorType, Origin

_ACTORS = {
    "expire-sessions": ActorType.LIFECYCLE,
    "hard-stop": ActorType.LIFECYCLE,
    "reconcile": ActorType.RECONCILER,
}
"""What a function does by itself; every other one without a request is a state machine's."""

_request: ContextVar[Origin | None] = ContextVar("request", default=None)


def begin_request(event: dict[str, Any], request_id: str) -> None:
    """From now on this request is answered."""
    context = event.get("requestContext") or {}
    _request.set(
        Origin(
            actor=ActorType.API_KEY,
            key_id=(context.get("authorizer") or {}).get("key_id"),
            request_id=request_id,
            source_ip=(context.get("identity") or {}).get("sourceIp"),
        )
    )


def current(service: str) -> Origin:
    """The origin of what the function `service` does now."""
    return _request.get() or Origin(_ACTORS.get(service, ActorType.STATE_MACHINE))
