"""Steps `ask` and `prove` of the teardown machine: terminate, wait, look for evidence, repeat.

There is no giving up: a session leaves `stopping`, and a failed attempt makes room for the next,
only with proof that nothing of it costs money.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gpu_shopper.core import evidence
from gpu_shopper.core.evidence import Absence, Lookup
from gpu_shopper.core.instances import Launched
from gpu_shopper.core.life import conclude, evolve
from gpu_shopper.core.polling import lookup_wait_s, teardown_wait_s
from gpu_shopper.core.session import LaunchState, Session
from gpu_shopper.core.states import Actor, Event, State
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import attempt_is_over
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.facts import about, ended
from gpu_shopper.usecases.look import absent_label, first_absence, listed
from gpu_shopper.usecases.provision import DONE, accepted
from gpu_shopper.usecases.writing import Decision, change

SLOW_AFTER_ROUNDS = 10
"""Rounds (275 s of waiting) without proof after which a teardown counts as failing."""


def ask(deps: Deps, session_id: str, attempt: int) -> StepResult:
    """Ask the provider to end the machine, or find out whether there is one.

    Outcomes: `prove` (asked: wait, then prove), `ask` (look the label up again), `done`,
    `handover` (this execution has done its rounds; the sweep starts the next).
    """
    session = _tearing_down(deps, session_id, attempt)
    if session is None:
        return DONE
    if session.attempt.launch in (LaunchState.PLANNED, LaunchState.THROTTLED):
        return _confirm(deps, session, evidence.never_called(deps.now()))
    if session.attempt.instance_id is None:
        return _look_up_label(deps, session)
    return _terminate(deps, session, session.attempt.instance_id)


def prove(deps: Deps, session_id: str, attempt: int) -> StepResult:
    """Look for evidence of absence. Outcomes: `done`, or `ask` for the next round."""
    session = _tearing_down(deps, session_id, attempt)
    if session is None:
        return DONE
    instance_id, asked_at = session.attempt.instance_id, session.terminate_asked_at
    if instance_id is None or asked_at is None:
        return StepResult("ask")
    absence = _evidence(deps, session, instance_id, asked_at)
    return _confirm(deps, session, absence) if absence else StepResult("ask")


def _tearing_down(deps: Deps, session_id: str, attempt: int) -> Session | None:
    """The session, if this attempt of it is being ended; else there is nothing to do."""
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return None
    wanted = session.is_tearing_down and session.attempt.number == attempt
    return session if wanted else None


def _confirm(deps: Deps, session: Session, absence: Absence) -> StepResult:
    """Nothing of the attempt costs money any more: the session goes on without it, or is over."""
    if session.state is State.PROVISIONING:
        attempt_is_over(deps, session, absence)

    def decide(current: Session) -> Decision:
        if current.state is not State.STOPPING or current.attempt != session.attempt:
            return None
        event, actor = Event.CONFIRM_GONE, Actor.LIFECYCLE
        after = conclude(current, event, actor, deps.now(), absence)
        return after, ended(current, after, event, actor)

    now_session, _ = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    return StepResult("ask") if _goes_on(now_session, session) else DONE


def _goes_on(session: Session, judged: Session) -> bool:
    return session.is_tearing_down and session.attempt.number == judged.attempt.number


def _look_up_label(deps: Deps, session: Session) -> StepResult:
    """An unclear launch: adopt what carries our label, or prove that nothing does."""
    attempt = session.attempt
    listing = listed(deps, attempt.provider)
    found = listing.labelled(attempt.label) if listing else []
    if found:
        launched = Launched(
            instance_id=found[0].id, price_microusd_per_hour=found[0].price_microusd_per_hour
        )
        accepted(deps, session, launched, "instance_adopted")
        return StepResult("ask")
    absence = absent_label(deps, attempt, listing)
    if absence is not None:
        return _confirm(deps, session, absence)
    wait_s = lookup_wait_s(attempt.lookups, deps.settings)

    def decide(current: Session) -> Decision:
        if current.attempt.instance_id is not None or not _goes_on(current, session):
            return None
        unlisted_at = first_absence(deps, current.attempt, listing)
        looked = replace(
            current.attempt, lookups=current.attempt.lookups + 1, unlisted_at=unlisted_at
        )
        now = deps.now()
        attempts = (*current.attempts[:-1], looked)
        return evolve(current, now, attempts=attempts, next_step_at=_in(now, wait_s)), []

    change(deps, lambda: store.get(deps.sessions, session.id), decide)
    return StepResult("ask", wait_s)


def _terminate(deps: Deps, session: Session, instance_id: str) -> StepResult:
    """One round's request. Errors are recorded, never fatal; "not found" is not yet proof."""
    asked_at = deps.now()
    error = None
    try:
        deps.provider(session.attempt.provider).terminate(instance_id)
    except ProviderError as exc:
        error = exc.code
    rounds = session.teardown_rounds + 1
    wait_s = teardown_wait_s(rounds, deps.settings)

    def decide(current: Session) -> Decision:
        if not _goes_on(current, session):
            return None
        now = deps.now()
        after = evolve(
            current,
            now,
            teardown_rounds=rounds,
            terminate_asked_at=asked_at,
            next_step_at=_in(now, wait_s),
        )
        slow = current.teardown_rounds == SLOW_AFTER_ROUNDS
        fact = about(after, "destroy_failing", reason=error, metrics={"DestroyFailures": 1})
        return after, [fact] if slow else []

    saved, _ = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    if not _goes_on(saved, session):
        return DONE
    done_its_part = rounds % deps.settings.teardown_rounds_per_execution == 0
    return StepResult("handover" if done_its_part else "prove", wait_s)


def _in(now: datetime, wait_s: int) -> datetime:
    return now + timedelta(seconds=wait_s)


def _evidence(deps: Deps, session: Session, instance_id: str, asked_at: datetime) -> Absence | None:
    """Lookup and complete listing, or nothing: an error never counts as absence."""
    attempt = session.attempt
    looked_at = deps.now()
    try:
        instance = deps.provider(attempt.provider).find(instance_id)
    except ProviderError:
        return None
    if instance is not None:
        return None
    listing = listed(deps, attempt.provider)
    if listing is None:
        return None
    return evidence.gone(
        instance_id,
        attempt.label,
        launched_at=attempt.launched_at or attempt.started_at,
        asked_at=asked_at,
        lookup=Lookup(looked_at, instance),
        listing=listing,
        settings=deps.settings,
    )
