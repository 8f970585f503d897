"""Heartbeats as they come in, each with a token of its session."""

from __future__ import annotations

from decimal import Decimal

from gpu_shopper.core.agents import Beat, due_at
from gpu_shopper.core.api_keys import matches
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.errors import SessionNotFound, Unauthorized
from gpu_shopper.store import beats, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps

REFUSED = "a valid agent token of this session is required"


def authenticate(deps: Deps, session_id: str, header: str | None) -> Session:
    """The live session that the token in this Authorization header is of.

    Raises: Unauthorized, the same for every cause; an unknown session costs the same comparisons.
    """
    scheme, _, token = (header or "").partition(" ")
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        session = None
    callers = session.agent_token_sha256 if session else None
    machines = session.attempt.agent_token_sha256 if session else None
    # Both are always compared: how long it takes tells nothing.
    known = matches(token.strip(), callers) | matches(token.strip(), machines)
    if session is None or not session.is_live or not known or scheme.lower() != "bearer":
        raise Unauthorized(REFUSED)
    return session


def receive(
    deps: Deps,
    session: Session,
    *,
    idle_s: int | None,
    gpu_util_pct: Decimal | None,
    memory_used_mb: int | None,
    status: str | None,
) -> None:
    """Keep what the agent tells; nothing of a session that is ending, or too soon after another."""
    if session.state is State.STOPPING:
        return
    beat = Beat(
        session_id=session.id,
        attempt=session.attempt.number,
        at=deps.now(),
        idle_s=idle_s,
        gpu_util_pct=gpu_util_pct,
        memory_used_mb=memory_used_mb,
        status=status,
    )
    look_at = due_at(beat, session.wish.idle_threshold_min, deps.settings)
    beats.keep(deps.sessions, beat, look_at, deps.settings.heartbeat_write_s)


def note_failure(deps: Deps) -> None:
    """Remember that a heartbeat could not be taken, so that nobody's silence is held against it."""
    operations.mark_heartbeat_failure(deps.operations, deps.now())
