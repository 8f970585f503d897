"""A session becomes ready: by a login over SSH, or by an answer over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gpu_shopper.core.life import apply
from gpu_shopper.core.session import Attempt, Outcome, Session
from gpu_shopper.core.states import Actor, Event
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.facts import retry_succeeded, transition


def become_ready(
    session: Session, now: datetime, measured: Mapping[str, float]
) -> tuple[Session, list[Fact]]:
    """The running session and what became true; `measured` are metrics of its verification."""
    event, actor = Event.BECOME_READY, Actor.LIFECYCLE
    attempt = replace(session.attempt, outcome=Outcome.READY, ready_at=now)
    after = replace(
        apply(session, event, actor, now),
        attempts=(*session.attempts[:-1], attempt),
        ready_at=now,
        next_step_at=None,
    )
    took_s = (now - session.created_at).total_seconds()
    metrics = {"ProvisioningDuration": took_s, **measured}
    ready = transition(session, after, event, actor, "session_running", metrics=metrics)
    return after, [ready, *retry_succeeded(after)]


def since_launch_s(attempt: Attempt, now: datetime) -> float:
    """Seconds since the attempt's launch was accepted."""
    return (now - (attempt.launched_at or attempt.started_at)).total_seconds()
