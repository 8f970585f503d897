"""How long a session may live: hours reserved, hours added, and the hard max that bounds both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gpu_shopper.core.life import apply, illegal
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Actor, Event

MOST_HOURS = 12
"""Hours that a caller may ask for at once, and the highest hard max without an override."""

LEAST_OVERRIDE_HOURS, MOST_OVERRIDE_HOURS = MOST_HOURS + 1, 72
"""Hours that an operator may let a session live."""


def most_additional_hours(session: Session) -> int:
    """Hours that one extension may ask for; an override is known by a hard max above the usual."""
    return MOST_OVERRIDE_HOURS if session.hard_max_hours > MOST_HOURS else MOST_HOURS


def extended(session: Session, hours: int, now: datetime) -> Session:
    """`session` with `hours` more reserved; the caller has checked the limit.

    Raises: IllegalTransition unless running and not yet expired.
    """
    longer = apply(session, Event.EXTEND, Actor.API, now)
    if now >= session.expires_at:
        raise illegal(session)
    return replace(
        longer,
        reservation_hours=session.reservation_hours + hours,
        expires_at=session.expires_at + timedelta(hours=hours),
    )


def overridden(session: Session, max_hours: int, now: datetime) -> Session:
    """`session` with a hard max of `max_hours`; the caller has checked that its hours fit in.

    It expires when it did: only extensions reach further now. Raises: IllegalTransition.
    """
    return replace(
        apply(session, Event.OVERRIDE, Actor.OPERATOR, now),
        hard_max_hours=max_hours,
        hard_max_at=session.created_at + timedelta(hours=max_hours),
    )
