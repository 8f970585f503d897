"""Step `verify` of the provision machine: one SSH try with the probe key, or one of HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from gpu_shopper.core.deadlines import attempt_deadline
from gpu_shopper.core.diagnostics import diagnosed
from gpu_shopper.core.life import evolve
from gpu_shopper.core.polling import (
    SshResult,
    SshTry,
    after_try,
    login_is_refused,
    poll_wait_s,
)
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import fail_attempt, is_current
from gpu_shopper.usecases.checking import findings_fact, flaw_of, with_findings
from gpu_shopper.usecases.deps import Deps, Probe, StepResult
from gpu_shopper.usecases.facts import about
from gpu_shopper.usecases.host_keys import (
    shows_another,
    told_of_change,
    trust_notices,
    with_shown_key,
)
from gpu_shopper.usecases.look import end_at_deadline
from gpu_shopper.usecases.provision import DONE
from gpu_shopper.usecases.readiness import become_ready, since_launch_s
from gpu_shopper.usecases.verify_api import verify_api
from gpu_shopper.usecases.writing import Decision, change


def verify(deps: Deps, probe: Probe, session_id: str, attempt: int) -> StepResult:
    """Try to log in once; a session that is no longer being provisioned is left alone.

    Outcomes: `look` (not yet: wait, then look again), `done` (running, failed, or not wanted).
    """
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return DONE
    if not _awaits(session, attempt):
        return DONE
    if session.wish.serves_http:
        return verify_api(deps, session)
    address, sealed = session.attempt.ssh, session.probe_key_sealed
    if sealed is None:
        return DONE
    if address is None:
        return StepResult("look")
    open_key = partial(deps.cipher.open, session.id, sealed)
    tried = probe(address, open_key, session.attempt.host_key, deps.settings)
    return _judge(deps, session, tried)


def _awaits(session: Session, attempt: int) -> bool:
    return session.state is State.PROVISIONING and is_current(session, attempt)


def _judge(deps: Deps, session: Session, tried: SshTry) -> StepResult:
    """Save what the try showed, then decide between running, another try, and the end."""
    number = session.attempt.number

    def decide(current: Session) -> Decision:
        if not _awaits(current, number) or not _same_machine(current, session, tried):
            return None
        if tried.result is not SshResult.READY:
            return _not_ready(deps, current, tried)
        return _logged_in(deps, current, tried)

    saved, changed = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    flaw = flaw_of(saved)
    if flaw is not None and _awaits(saved, number):
        return fail_attempt(deps, saved, *flaw)
    if not _awaits(saved, number):
        return DONE
    if not changed:
        return StepResult("look")
    if tried.result is SshResult.KEY_PARSE_FAILED:
        error = "the probe key cannot be used"
        return fail_attempt(deps, saved, EndReason.AUTH_FAILED, error, final=True)
    if login_is_refused(saved.attempt.verification, deps.settings):
        error = "the machine refuses the session's keys"
        return fail_attempt(deps, saved, EndReason.AUTH_FAILED, error)
    if deps.now() >= attempt_deadline(saved, saved.attempt):
        return end_at_deadline(deps, saved)
    return StepResult("look", poll_wait_s(saved.attempt.verification.polls - 1, deps.settings))


def _same_machine(current: Session, session: Session, tried: SshTry) -> bool:
    """False when the address, or the pinned key, changed while the try was under way."""
    if current.attempt.ssh != session.attempt.ssh:
        return False
    return current.attempt.host_key in (session.attempt.host_key, tried.host_key)


def _logged_in(deps: Deps, session: Session, tried: SshTry) -> Decision:
    """Keep what the checks found; the session runs, unless its machine is not what was rented."""
    now = deps.now()
    attempt = _tried(deps, session.attempt, tried, now)
    seen = replace(
        session,
        attempts=(*session.attempts[:-1], attempt),
        warnings=trust_notices(session, attempt, now),
    )
    checked = with_findings(seen, diagnosed(tried.answers, now), now)
    found = findings_fact(checked)
    if flaw_of(checked) is not None:
        return evolve(checked, now), [found]
    measured = {
        "SshVerifyDuration": since_launch_s(attempt, now),
        "SshVerifyAttempts": float(attempt.verification.polls),
    }
    after, ready = become_ready(checked, now, measured)
    next_at = now + timedelta(seconds=deps.settings.check_interval_s)
    return replace(after, next_check_at=next_at), [found, *ready]


def _not_ready(deps: Deps, session: Session, tried: SshTry) -> Decision:
    now = deps.now()
    attempt = _tried(deps, session.attempt, tried, now)
    wait_s = poll_wait_s(attempt.verification.polls - 1, deps.settings)
    after = evolve(
        session,
        now,
        attempts=(*session.attempts[:-1], attempt),
        next_step_at=now + timedelta(seconds=wait_s),
        warnings=trust_notices(session, attempt, now),
    )
    failed = about(
        after,
        "ssh_try_failed",
        metrics={"SshVerifyErrors": 1},
        dimensions={"ErrorType": tried.result.value},
    )
    if not shows_another(session.attempt, tried):
        return after, [failed]
    after, changed = told_of_change(after, now)
    return after, [failed, changed]


def _tried(deps: Deps, attempt: Attempt, tried: SshTry, now: datetime) -> Attempt:
    """`attempt` with the try counted, and what it showed of the host key."""
    counted = after_try(attempt.verification, tried, now, deps.settings)
    return replace(with_shown_key(attempt, tried), verification=counted)
