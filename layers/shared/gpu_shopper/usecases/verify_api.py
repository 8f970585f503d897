"""Step `verify` for a machine that serves HTTP: ask it once whether it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gpu_shopper.core.deadlines import attempt_deadline
from gpu_shopper.core.life import evolve
from gpu_shopper.core.polling import ApiTry
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import is_current
from gpu_shopper.usecases.deps import Deps, Fact, StepResult
from gpu_shopper.usecases.facts import about
from gpu_shopper.usecases.look import end_at_deadline
from gpu_shopper.usecases.provision import DONE
from gpu_shopper.usecases.readiness import become_ready, since_launch_s
from gpu_shopper.usecases.writing import Decision, change


def verify_api(deps: Deps, session: Session) -> StepResult:
    """Ask the first exposed port of a session that is being provisioned.

    Outcomes: `look` (not yet: wait, then look again), `done` (running, failed, or not wanted).
    """
    target = session.api
    if target is None:
        return StepResult("look")
    tried = deps.ask_api(target, session.wish.health_path, deps.settings)
    number = session.attempt.number

    def decide(current: Session) -> Decision:
        if not _awaits(current, number) or current.api != target:
            return None
        return _ready(deps, current) if tried.is_ready else _not_ready(deps, current, tried)

    saved, changed = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    if not _awaits(saved, number):
        return DONE
    if not changed:
        return StepResult("look")
    if deps.now() >= attempt_deadline(saved, saved.attempt):
        return end_at_deadline(deps, saved)
    return StepResult("look", deps.settings.api_poll_s)


def _awaits(session: Session, attempt: int) -> bool:
    return session.state is State.PROVISIONING and is_current(session, attempt)


def _ready(deps: Deps, session: Session) -> Decision:
    now = deps.now()
    measured = {"ApiVerifyDuration": since_launch_s(session.attempt, now)}
    return become_ready(session, now, measured)


def _not_ready(deps: Deps, session: Session, tried: ApiTry) -> tuple[Session, list[Fact]]:
    now = deps.now()
    seen = session.attempt.verification
    verification = replace(seen, polls=seen.polls + 1, last_error=tried.said)
    attempt = replace(session.attempt, verification=verification)
    after = evolve(
        session,
        now,
        attempts=(*session.attempts[:-1], attempt),
        next_step_at=now + timedelta(seconds=deps.settings.api_poll_s),
    )
    return after, [about(after, "api_try_failed", reason=tried.said)]
