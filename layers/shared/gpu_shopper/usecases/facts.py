"""The audit event and the metrics of each thing that can become true of a session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Outcome, Session
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.usecases.deps import Fact

_STOPPING_OPERATION = {
    EndReason.USER_REQUESTED: "session_stopping",
    EndReason.EXPIRED: "session_expired",
    EndReason.HARD_MAX: "hard_max_enforced",
    EndReason.IDLE: "idle_shutdown",
    EndReason.HEARTBEAT_TIMEOUT: "heartbeat_timeout",
    EndReason.INSTANCE_STOPPED: "session_stopping",
}
_STOPPING_METRIC = {
    EndReason.HARD_MAX: "HardMaxEnforced",
    EndReason.IDLE: "IdleShutdowns",
    EndReason.HEARTBEAT_TIMEOUT: "HeartbeatTimeouts",
}


def transition(
    before: Session,
    after: Session,
    event: Event,
    actor: Actor,
    operation: str,
    key_id: str | None = None,
    metrics: dict[str, float] | None = None,
    **details: Any,
) -> Fact:
    """The one audit event of a change of state, with from, to, event and version."""
    return Fact(
        operation=operation,
        provider=after.attempt.provider,
        session_id=after.id,
        consumer_id=after.consumer_id,
        instance_id=after.attempt.instance_id,
        attempt=after.attempt.number,
        actor=actor.value,
        key_id=key_id,
        reason=after.end_reason.value if after.end_reason else None,
        metrics=metrics or {},
        details=_step(before, after, event) | details,
    )


def _step(before: Session, after: Session, event: Event) -> dict[str, Any]:
    return {
        "from": before.state.value,
        "to": after.state.value,
        "event": event.value,
        "version": after.version,
    }


def about(session: Session, operation: str, **more: Any) -> Fact:
    """A fact about the session's current attempt that changed no state."""
    return Fact(
        operation=operation,
        provider=session.attempt.provider,
        session_id=session.id,
        consumer_id=session.consumer_id,
        instance_id=session.attempt.instance_id,
        attempt=session.attempt.number,
        **more,
    )


def began_to_end(
    before: Session, after: Session, event: Event, actor: Actor, key_id: str | None = None
) -> Fact:
    """The session entered `stopping`; named by its cause."""
    reason = after.end_reason or EndReason.USER_REQUESTED
    operation = _STOPPING_OPERATION.get(reason, "attempt_failed")
    if event is Event.FAIL_PROVISIONING:
        operation = "attempt_failed"
    metric = _STOPPING_METRIC.get(reason)
    metrics = {metric: 1.0} if metric else {}
    return transition(before, after, event, actor, operation, key_id, metrics)


def drain_started(session: Session, actor: Actor, key_id: str | None = None) -> list[Fact]:
    """The machine of a session that just began to end stays for a while; nothing when not."""
    if not session.drains or session.drain_until is None:
        return []
    until = {"drain_until": to_text(session.drain_until)}
    who = {"actor": actor.value, "key_id": key_id}
    return [about(session, "drain_started", details=until, **who)]


def ended(before: Session, after: Session, event: Event, actor: Actor) -> list[Fact]:
    """The session is terminal: counted once under its true reason."""
    reason = after.end_reason.value if after.end_reason else ""
    over = transition(
        before,
        after,
        event,
        actor,
        "session_destroyed",
        metrics={"SessionsEnded": 1},
        status=after.state.value,
        end_reason=reason,
    )
    if before.state is State.STOPPING and after.attempt.instance_id is not None:
        gone = about(after, "instance_destroyed", metrics={"InstancesDestroyed": 1})
        return [gone, over]
    return [over]


def retried(before: Session, after: Session, actor: Actor) -> list[Fact]:
    """The attempt is over, proven, and the next one begins; `attempt_failed` is its transition."""
    closed = after.attempts[-2]
    failed = about(
        before,
        "attempt_failed",
        actor=actor.value,
        reason=closed.reason.value if closed.reason else None,
        details=_step(before, after, Event.RETRY_LAUNCH) | {"next_offer": after.attempt.offer_id},
    )
    if closed.outcome is not Outcome.FAILED or closed.instance_id is None:
        return [failed]
    gone = about(before, "instance_destroyed", metrics={"InstancesDestroyed": 1})
    return [gone, failed]


def began_again(before: Session, after: Session, event: Event, actor: Actor) -> Fact:
    """An attempt goes to its provider; one after the first is counted, with what went before."""
    started = transition(before, after, event, actor, "attempt_started")
    if after.attempt.number == 1:
        return started
    cause = after.attempts[-2].reason
    words = retry_words(after) | {"Reason": cause.value if cause else ""}
    return replace(started, metrics={"RetryAttempts": 1}, dimensions=words)


def not_verified(session: Session, reason: EndReason) -> list[Fact]:
    """An attempt ends because its machine never answered, or refused us; else nothing."""
    told = "verification_failed"
    if reason is EndReason.API_TIMEOUT:
        return [about(session, told, reason=reason.value, metrics={"ApiVerifyFailures": 1})]
    if reason not in (EndReason.SSH_TIMEOUT, EndReason.AUTH_FAILED):
        return []
    counted, words = {"SshVerifyFailures": 1}, {"Reason": reason.value}
    return [about(session, told, reason=reason.value, metrics=counted, dimensions=words)]


def gave_up(session: Session, why_not: str | None) -> list[Fact]:
    """The caller wanted another attempt and there is none; nothing when none was wanted."""
    if why_not is None:
        return []
    counted = {"RetriesExhausted": 1}
    words = retry_words(session)
    return [about(session, "retry_exhausted", reason=why_not, metrics=counted, dimensions=words)]


def retry_succeeded(session: Session) -> list[Fact]:
    """A session became ready with an attempt after its first; nothing for a first attempt."""
    if session.attempt.number == 1:
        return []
    words = retry_words(session)
    return [about(session, "retry_succeeded", metrics={"RetrySuccesses": 1}, dimensions=words)]


def retry_words(session: Session) -> dict[str, str]:
    """The dimensions of what is counted about retries, besides the provider."""
    return {"Scope": session.wish.retry_scope.value}
