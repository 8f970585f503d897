"""What happens to a session; these functions make its next version, and `core.reservations`'."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from gpu_shopper.core.evidence import Absence, Proof
from gpu_shopper.core.labels import Label
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.session import Attempt, Outcome, Session
from gpu_shopper.core.states import (
    TERMINAL,
    Actor,
    EndReason,
    Event,
    Row,
    State,
    api_events,
    row_for,
)
from gpu_shopper.errors import IllegalTransition


def evolve(session: Session, now: datetime, **changes: Any) -> Session:
    """The next version of `session`; to be saved over the one it was derived from."""
    return replace(session, version=session.version + 1, updated_at=now, **changes)


def evolve_attempt(session: Session, now: datetime, **changes: Any) -> Session:
    """The next version of `session` with its current attempt changed."""
    attempts = (*session.attempts[:-1], replace(session.attempt, **changes))
    return evolve(session, now, attempts=attempts)


def apply(
    session: Session,
    event: Event,
    actor: Actor,
    now: datetime,
    *,
    reason: EndReason | None = None,
    error: str | None = None,
) -> Session:
    """What becomes of `session` when `event` happens, unless that needs evidence of absence.

    Raises: IllegalTransition when the table has no such row; TypeError for an end, which is
    `conclude`'s, and for a further attempt, which is `try_next`'s.
    """
    row = _allowed(session, event, actor)
    (target,) = row.targets
    if target in TERMINAL:
        raise TypeError(f"{event} ends a session: conclude() with evidence")
    if event is Event.RETRY_LAUNCH:
        raise TypeError(f"{event} may rent a second machine: try_next() with evidence")
    if target is State.STOPPING:
        return _begin_end(session, event, row, now, reason, error)
    if target is session.state:
        return evolve(session, now)
    return evolve(session, now, state=target, state_entered_at=now)


def conclude(
    session: Session,
    event: Event,
    actor: Actor,
    now: datetime,
    absence: Absence,
    *,
    reason: EndReason | None = None,
    error: str | None = None,
) -> Session:
    """End `session` for good; `absence` proves that nothing of it costs money.

    Secrets of the session are forgotten in the same write. Raises: IllegalTransition.
    """
    row = _allowed(session, event, actor)
    return evolve(
        session,
        now,
        state=_end_state(session, row),
        state_entered_at=now,
        stopped_at=now,
        next_step_at=None,
        end_reason=session.end_reason or _reason(row, reason),
        error=session.error or error,
        attempts=_ended_attempts(session, event, absence, reason),
        probe_key_sealed=None,
    )


def planned_attempt(
    offer: Offer, label: Label, price_microusd_per_hour: int, now: datetime
) -> Attempt:
    """An attempt at `offer` that no provider has heard of yet."""
    return Attempt(
        number=label.attempt,
        label=str(label),
        offer_id=offer.id,
        provider=offer.provider,
        provider_offer_id=offer.provider_id,
        gpu_type=offer.gpu_type,
        gpu_count=offer.gpu_count,
        vram_gb=offer.vram_gb,
        location=offer.location,
        machine_id=offer.machine_id,
        cuda_version=None if offer.cuda_version is None else Decimal(str(offer.cuda_version)),
        price_microusd_per_hour=price_microusd_per_hour,
        accepted_microusd_per_hour=price_microusd_per_hour,
        started_at=now,
    )


def fail_attempt(session: Session, now: datetime, reason: EndReason, error: str) -> Session:
    """The current attempt has failed and another may follow once its machine is proven gone.

    Until then the session stays where it is, and has no address.
    """
    return evolve_attempt(
        replace(session, next_step_at=now),
        now,
        outcome=Outcome.FAILED,
        reason=reason,
        error=error,
        failed_at=now,
        ssh=None,
        port_map={},
    )


def try_next(
    session: Session,
    planned: Attempt,
    actor: Actor,
    now: datetime,
    absence: Absence,
    reason: EndReason,
) -> Session:
    """Close the current attempt for `reason` and begin the next; `absence` is of the current one.

    Raises: IllegalTransition.
    """
    row = _allowed(session, Event.RETRY_LAUNCH, actor)
    (target,) = row.targets
    return evolve(
        session,
        now,
        state=target,
        state_entered_at=now,
        attempts=(*session.attempts[:-1], _closed(session.attempt, absence, reason), planned),
        next_step_at=None,
        restarts=0,
        teardown_rounds=0,
        terminate_asked_at=None,
        stop_delay_noted=False,
    )


def _closed(attempt: Attempt, absence: Absence, reason: EndReason) -> Attempt:
    """`attempt` after the proof: failed earlier, lost without our asking, or never rented."""
    outcome = Outcome.LOST if absence.proof is Proof.GONE else Outcome.REFUSED
    if attempt.has_failed:
        outcome, reason = attempt.outcome, attempt.reason or reason
    return _ended(attempt, outcome, reason, absence)


def _ended(
    attempt: Attempt, outcome: Outcome, reason: EndReason | None, absence: Absence
) -> Attempt:
    return replace(
        attempt, outcome=outcome, reason=reason, ended_at=absence.at, ssh=None, port_map={}
    )


def _allowed(session: Session, event: Event, actor: Actor) -> Row:
    row = row_for(session.state, event)
    if row is None or actor not in row.actors:
        raise illegal(session)
    return row


def illegal(session: Session) -> IllegalTransition:
    """The refusal of what is not possible in this state; it says what is."""
    return IllegalTransition(
        f"session is {session.state.value}",
        session_id=session.id,
        status=session.state.value,
        allowed_events=api_events(session.state),
    )


def _begin_end(
    session: Session,
    event: Event,
    row: Row,
    now: datetime,
    reason: EndReason | None,
    error: str | None,
) -> Session:
    attempts = session.attempts
    if session.attempt.ended_at is None:
        attempts = (*attempts[:-1], _ending(session.attempt, event, reason))
    return evolve(
        session,
        now,
        state=State.STOPPING,
        state_entered_at=now,
        stopping_at=now,
        # What was waited for is not wanted any more: a teardown that never began is noticed soon.
        next_step_at=now,
        end_reason=_reason(row, reason),
        fails_when_gone=event is Event.FAIL_PROVISIONING,
        error=error,
        attempts=attempts,
    )


def _ending(attempt: Attempt, event: Event, reason: EndReason | None) -> Attempt:
    if attempt.has_failed:
        return attempt
    failed = event is Event.FAIL_PROVISIONING
    return replace(
        attempt,
        outcome=Outcome.FAILED if failed else Outcome.ENDING,
        reason=reason if failed else attempt.reason,
    )


def _reason(row: Row, reason: EndReason | None) -> EndReason:
    """The one reason the row allows, or the one given when it allows several."""
    if reason is None:
        (reason,) = row.reasons
    if reason not in row.reasons:
        raise ValueError(f"{row.event} does not end a session with {reason}")
    return reason


def _end_state(session: Session, row: Row) -> State:
    if len(row.targets) > 1:
        return State.FAILED if session.fails_when_gone else State.STOPPED
    (target,) = row.targets
    return target


def _ended_attempts(
    session: Session, event: Event, absence: Absence, reason: EndReason | None
) -> tuple[Attempt, ...]:
    if session.attempt.ended_at is not None:
        return session.attempts
    last = session.attempt
    outcome, why = last.outcome, last.reason
    if event is Event.REFUSE_LAUNCH:
        outcome, why = Outcome.REFUSED, reason
    elif event is Event.LOSE_INSTANCE:
        outcome, why = Outcome.LOST, EndReason.GHOST
    elif absence.proof is not Proof.GONE and outcome is Outcome.ENDING:
        outcome = Outcome.REFUSED
    elif outcome is Outcome.ENDING and last.ready_at is not None:
        outcome = Outcome.READY
    return (*session.attempts[:-1], _ended(last, outcome, why, absence))
