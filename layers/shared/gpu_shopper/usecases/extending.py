"""More time for a session: callers extend it, and operators raise what bounds that."""

from __future__ import annotations

from dataclasses import replace

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.reservations import extended, most_additional_hours, overridden
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Actor, Event
from gpu_shopper.errors import HardMaxExceeded, ValidationFailed
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.facts import transition
from gpu_shopper.usecases.sessions import get
from gpu_shopper.usecases.writing import Decision, change


def extend(deps: Deps, caller: Caller, session_id: str, hours: int) -> Session:
    """Reserve `hours` more.

    Raises: SessionNotFound, ValidationFailed, IllegalTransition unless running, HardMaxExceeded,
    Conflict.
    """

    def decide(session: Session) -> Decision:
        most = most_additional_hours(session)
        if hours > most:
            text = f"additional_hours must be at most {most}"
            raise ValidationFailed([("additional_hours", text)])
        after = extended(session, hours, deps.now())
        if after.reservation_hours > session.hard_max_hours:
            raise HardMaxExceeded(
                f"a session may be reserved for at most {session.hard_max_hours} hours",
                reservation_hours=session.reservation_hours,
                additional_hours=hours,
                max_hours=session.hard_max_hours,
            )
        fact = transition(
            session, after, Event.EXTEND, Actor.API, "session_extended", caller.key_id
        )
        return after, [fact]

    return change(deps, lambda: get(deps, caller, session_id), decide)[0]


def override(deps: Deps, caller: Caller, session_id: str, max_hours: int, reason: str) -> Session:
    """Let a session live for `max_hours` in all; extensions may then use them.

    `caller` is an operator. Raises: SessionNotFound, IllegalTransition once it ends,
    ValidationFailed below the hours that are reserved already, Conflict.
    """

    def decide(session: Session) -> Decision:
        after = overridden(session, max_hours, deps.now())
        least = session.reservation_hours
        if max_hours < least:
            text = f"max_hours must be at least {least}, the hours that are reserved already"
            raise ValidationFailed([("max_hours", text)])
        fact = transition(
            session,
            after,
            Event.OVERRIDE,
            Actor.OPERATOR,
            "hard_max_overridden",
            caller.key_id,
            old_max_hours=session.hard_max_hours,
            new_max_hours=max_hours,
        )
        return after, [replace(fact, reason=reason)]

    return change(deps, lambda: get(deps, caller, session_id), decide)[0]
