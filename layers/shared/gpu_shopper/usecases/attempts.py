"""Ending an attempt: refused with nothing rented, or failed with a machine to tear down."""

from __future__ import annotations

from gpu_shopper.core.evidence import Absence, never_called
from gpu_shopper.core.life import apply, conclude
from gpu_shopper.core.session import LaunchState, Session
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.blaming import blame
from gpu_shopper.usecases.deps import Deps, Machine, StepResult
from gpu_shopper.usecases.facts import began_to_end, ended
from gpu_shopper.usecases.writing import Decision, change

MAX_ERROR_CHARS = 1_000


def is_current(session: Session, attempt: int) -> bool:
    """True while this attempt may still make progress; anything else ends a step silently."""
    return session.state in (State.PENDING, State.PROVISIONING) and (
        session.attempt.number == attempt
    )


def refuse(
    deps: Deps,
    judged: Session,
    reason: EndReason,
    error: str,
    absence: Absence | None = None,
) -> StepResult:
    """End the session as failed: nothing was rented, as `absence` proves.

    Without `absence` the attempt must be one that no provider has heard of. The proof is about
    the call in `judged`: a machine adopted meanwhile, or a later call, makes it worthless, and
    the session is looked at again. One that was told to stop ends under its own reason.
    """

    def decide(session: Session) -> Decision:
        if not session.is_live or not same_call(session, judged):
            return None
        now, actor = deps.now(), Actor.LIFECYCLE
        proof = absence or _never_sent(session, deps)
        if session.state is State.STOPPING:
            after = conclude(session, Event.CONFIRM_GONE, actor, now, proof)
            return after, ended(session, after, Event.CONFIRM_GONE, actor)
        event, text = Event.REFUSE_LAUNCH, error[:MAX_ERROR_CHARS]
        after = conclude(session, event, actor, now, proof, reason=reason, error=text)
        return after, ended(session, after, event, actor)

    session, changed = change(deps, lambda: store.get(deps.sessions, judged.id), decide)
    if changed:
        blame(deps, session, reason)
    again = not changed and session.state is State.PROVISIONING
    return StepResult("look" if again else "done")


def same_call(session: Session, judged: Session) -> bool:
    """True while the session knows of no machine, and of no call after the judged one."""
    now, then = session.attempt, judged.attempt
    return now.instance_id is None and (now.number, now.called_at) == (then.number, then.called_at)


def _never_sent(session: Session, deps: Deps) -> Absence:
    if session.attempt.launch not in (LaunchState.PLANNED, LaunchState.THROTTLED):
        raise ValueError(f"{session.id}: the launch was sent; absence needs proof")
    return never_called(deps.now())


def fail_attempt(deps: Deps, session_id: str, reason: EndReason, error: str) -> StepResult:
    """End the attempt with a machine that is or may be there: `stopping`, and teardown."""

    def decide(session: Session) -> Decision:
        if session.state is not State.PROVISIONING:
            return None
        event, actor = Event.FAIL_PROVISIONING, Actor.LIFECYCLE
        text = error[:MAX_ERROR_CHARS]
        after = apply(session, event, actor, deps.now(), reason=reason, error=text)
        return after, [began_to_end(session, after, event, actor)]

    session, changed = change(deps, lambda: store.get(deps.sessions, session_id), decide)
    if changed:
        deps.machines.start(Machine.TEARDOWN, session.id, session.attempt.number, 0)
        blame(deps, session, reason)
    return StepResult("done")
