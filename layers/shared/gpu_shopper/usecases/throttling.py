"""Launches that were not carried out because calls came too fast: the same offer again, later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gpu_shopper.core import evidence
from gpu_shopper.core.life import evolve_attempt
from gpu_shopper.core.polling import throttled_wait_s
from gpu_shopper.core.session import Attempt, LaunchState, Session
from gpu_shopper.core.states import EndReason
from gpu_shopper.errors.provider import RateLimited, TooSoon
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import refuse, same_call
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.writing import Decision, change


def throttled(deps: Deps, session: Session, error: RateLimited | TooSoon) -> StepResult:
    """Wait as told, then launch again; or end the session, for nothing was rented.

    The provider may refuse a few times. What our own spacing held back was not even sent, so it
    is no try: its turn is waited for as long as an attempt may be without an instance.
    """
    if _no_more_tries(deps, session.attempt, error):
        absence = evidence.refused(error, deps.now())
        reason = EndReason.PROVIDER_UNAVAILABLE
        return refuse(deps, session, reason, error.message, absence)
    tries = session.attempt.launch_tries - isinstance(error, TooSoon)
    wait_s = throttled_wait_s(tries, error.retry_after_s, deps.settings)

    def decide(now_session: Session) -> Decision:
        if not same_call(now_session, session):
            return None
        now = deps.now()
        after = evolve_attempt(
            now_session, now, launch=LaunchState.THROTTLED, launch_tries=tries, call_ended_at=now
        )
        return replace(after, next_step_at=now + timedelta(seconds=wait_s)), []

    change(deps, lambda: store.get(deps.sessions, session.id), decide)
    return StepResult("launch", wait_s)


def _no_more_tries(deps: Deps, attempt: Attempt, error: RateLimited | TooSoon) -> bool:
    if isinstance(error, RateLimited):
        return attempt.launch_tries > deps.settings.launch_throttled_tries
    waited_s = (deps.now() - attempt.started_at).total_seconds()
    return waited_s >= deps.settings.launch_unknown_deadline_s
