"""When a session must be looked at next, and what the lifecycle sweep does with it then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import EndReason, Event, State


@dataclass(frozen=True, slots=True)
class End:
    """Move the session towards its end with this event."""

    event: Event
    reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the fitting state machine again: its execution has died."""


@dataclass(frozen=True, slots=True)
class NoteDelay:
    """The end is not proven for too long: alarm, and keep the teardown alive."""


@dataclass(frozen=True, slots=True)
class EndDrain:
    """The time for which the machine was to stay is over: tear it down."""


@dataclass(frozen=True, slots=True)
class CheckMachine:
    """Look at the machine of a running session again."""


@dataclass(frozen=True, slots=True)
class LookForAgent:
    """The agent should have reported by now."""


@dataclass(frozen=True, slots=True)
class TellExpiry:
    """Say that a running session will expire soon."""


Due = End | Restart | NoteDelay | EndDrain | CheckMachine | LookForAgent | TellExpiry


_SLOW_IMAGES = ("vllm", "nemo", "megatron")
_SLOWISH_IMAGES = (
    "tgi",
    "text-generation-inference",
    "tensorrt",
    "deepspeed",
    "triton",
    "ollama",
)


def ready_within_min(image: str | None, settings: Settings) -> int:
    """Minutes that an attempt gets when the caller names none: images that load long get more."""
    name = (image or "").lower()
    if any(word in name for word in _SLOW_IMAGES):
        return settings.ssh_deadline_slow_image_min
    if any(word in name for word in _SLOWISH_IMAGES):
        return settings.ssh_deadline_slowish_image_min
    return settings.ssh_deadline_default_min


def attempt_deadline(session: Session, attempt: Attempt) -> datetime:
    """Until when this attempt may become ready: its SSH time-out from the accepted launch."""
    start = attempt.launched_at or attempt.started_at
    return start + timedelta(minutes=session.wish.ssh_timeout_min)


def timeout_reason(session: Session) -> EndReason:
    """What an attempt fails with that was not ready in time."""
    return EndReason.API_TIMEOUT if session.wish.serves_http else EndReason.SSH_TIMEOUT


def hard_stop_at(session: Session, now: datetime, settings: Settings) -> datetime:
    """When the session's own timer should look after it next: a whole second after `now`.

    First a margin after the hard max, which is the sweep's; then again and again. Whoever asks in
    between gets the same instant.
    """
    first = session.hard_max_at + timedelta(seconds=settings.hard_stop_margin_s)
    if first.microsecond:
        first = first.replace(microsecond=0) + timedelta(seconds=1)
    again = timedelta(seconds=settings.hard_stop_again_s)
    times = 0 if now < first else (now - first) // again + 1
    return first + times * again


def launch_unknown_until(attempt: Attempt, settings: Settings) -> datetime:
    """Until when an attempt may stay without an instance id."""
    called_at = attempt.called_at or attempt.started_at
    return called_at + timedelta(seconds=settings.launch_unknown_deadline_s)


def due_at(session: Session, settings: Settings) -> datetime | None:
    """The next instant at which the sweep must look at `session`; None once it is terminal."""
    if not session.is_live:
        return None
    return min(at for at, _ in _agenda(session, settings))


def due_action(session: Session, now: datetime, settings: Settings) -> Due | None:
    """What the sweep has to do with `session` at `now`; the first entry that is due wins."""
    if not session.is_live:
        return None
    return next((act for at, act in _agenda(session, settings) if now >= at), None)


def _agenda(session: Session, settings: Settings) -> list[tuple[datetime, Due]]:
    """Instants and actions of this state, most final first."""
    match session.state:
        case State.PENDING:
            return _pending(session, settings)
        case State.PROVISIONING:
            return _provisioning(session, settings)
        case State.RUNNING:
            ends: list[tuple[datetime, Due]] = [
                (session.hard_max_at, End(Event.HARD_MAX)),
                (session.expires_at, End(Event.EXPIRE)),
            ]
            if session.wish.agent and not session.agent_looked_for:
                within = timedelta(seconds=settings.agent_report_within_s)
                ends.append((session.state_entered_at + within, LookForAgent()))
            if session.expiry_told != session.expires_at:
                notice = timedelta(minutes=settings.expiring_notice_min)
                ends.append((session.expires_at - notice, TellExpiry()))
            # Nobody can log in to a machine that serves HTTP.
            if session.wish.serves_http:
                return ends
            return [*ends, (_next_check(session, settings), CheckMachine())]
        case _:
            since = session.teardown_at
            if session.drains:
                return [(since, EndDrain())]
            return _tearing_down(session, since, settings)


def _next_check(session: Session, settings: Settings) -> datetime:
    since = session.state_entered_at + timedelta(seconds=settings.check_interval_s)
    return session.next_check_at or since


def _pending(session: Session, settings: Settings) -> list[tuple[datetime, Due]]:
    entered = session.state_entered_at
    give_up = min(entered + timedelta(seconds=settings.pending_deadline_s), session.expires_at)
    return [
        (give_up, End(Event.REFUSE_LAUNCH, EndReason.PROVISION_TIMEOUT)),
        (_overdue(session, entered, settings.pending_restart_s), Restart()),
    ]


def _provisioning(session: Session, settings: Settings) -> list[tuple[datetime, Due]]:
    attempt = session.attempt
    grace = timedelta(seconds=settings.deadline_grace_s)
    timeout = End(Event.FAIL_PROVISIONING, EndReason.PROVISION_TIMEOUT)
    if session.is_tearing_down:
        since = attempt.failed_at or session.updated_at
        return [(session.expires_at, timeout), *_tearing_down(session, since, settings)]
    agenda: list[tuple[datetime, Due]] = [(session.expires_at, timeout)]
    if attempt.instance_id is None:
        agenda.append((launch_unknown_until(attempt, settings), timeout))
    else:
        end = End(Event.FAIL_PROVISIONING, timeout_reason(session))
        agenda.append((attempt_deadline(session, attempt) + grace, end))
    agenda.append((_overdue(session, session.updated_at, settings.step_overdue_s), Restart()))
    return agenda


def _tearing_down(
    session: Session, since: datetime, settings: Settings
) -> list[tuple[datetime, Due]]:
    """A machine whose end was wanted from `since` on and is not proven yet."""
    agenda: list[tuple[datetime, Due]] = []
    if not session.stop_delay_noted:
        agenda.append((since + timedelta(seconds=settings.stopping_alarm_s), NoteDelay()))
    agenda.append((_overdue(session, session.updated_at, settings.step_overdue_s), Restart()))
    return agenda


def _overdue(session: Session, since: datetime, overdue_s: int) -> datetime:
    """When a step that should have come is so late that its execution must have died."""
    expected = max(since, session.next_step_at or since)
    return expected + timedelta(seconds=overdue_s)
