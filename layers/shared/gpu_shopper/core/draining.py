"""The drain: after an orderly end the machine stays reachable, and is paid for, for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gpu_shopper.core.life import apply, evolve
from gpu_shopper.core.session import Session, StoragePolicy
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import Actor, Event, State


def drain_until(session: Session, now: datetime, settings: Settings) -> datetime | None:
    """Until when the machine of `session` would stay if it ended in order now; None: not at all.

    Only a running session under `preserve` drains, and none beyond its hard max.
    """
    wish = session.wish
    if session.state is not State.RUNNING or wish.storage_policy is not StoragePolicy.PRESERVE:
        return None
    minutes = settings.drain_default_min if wish.drain_min is None else wish.drain_min
    length = timedelta(seconds=minutes * settings.drain_minute_s)
    until = min(now + length, session.hard_max_at)
    return until if until > now else None


def end_in_order(
    session: Session, event: Event, actor: Actor, now: datetime, settings: Settings
) -> Session:
    """Like `apply`, but a session that drains keeps its machine for a while.

    For `done` and the expiry only: every other end takes the machine at once.
    Raises: IllegalTransition.
    """
    until = drain_until(session, now, settings)
    after = apply(session, event, actor, now)
    if until is None:
        return after
    return replace(after, drains=True, drain_until=until, next_step_at=until)


def end_drain(session: Session, now: datetime) -> Session:
    """The drain of `session` is over, in time or early: its teardown is due."""
    until = min(now, session.drain_until or now)
    return evolve(session, now, drains=False, drain_until=until, next_step_at=now)
