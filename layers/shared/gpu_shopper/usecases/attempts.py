"""The end of an attempt: refused with nothing rented, or failed with a machine to tear down.

Another attempt follows when the caller asked for it and there is one to make; else the session
ends with this one. Either needs proof that nothing of the attempt costs money any more.
"""

from __future__ import annotations

from gpu_shopper.core import life
from gpu_shopper.core.evidence import Absence, never_called
from gpu_shopper.core.life import apply, conclude
from gpu_shopper.core.retrying import is_retried, no_more
from gpu_shopper.core.session import LaunchState, Session
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.blaming import blame
from gpu_shopper.usecases.deps import Deps, Fact, Machine, StepResult
from gpu_shopper.usecases.facts import about, began_to_end, ended, gave_up, not_verified
from gpu_shopper.usecases.retrying import try_again
from gpu_shopper.usecases.writing import Decision, change

MAX_ERROR_CHARS = 1_000


def is_current(session: Session, attempt: int) -> bool:
    """True while this attempt may still make progress; anything else ends a step silently."""
    return (
        session.state in (State.PENDING, State.PROVISIONING)
        and session.attempt.number == attempt
        and not session.attempt.has_failed
    )


def refuse(
    deps: Deps,
    judged: Session,
    reason: EndReason,
    error: str,
    absence: Absence | None = None,
) -> StepResult:
    """Close the attempt: nothing was rented, as `absence` proves. Another follows, or the end.

    Without `absence` the attempt must be one that no provider has heard of. The proof is about
    the call in `judged`: a machine adopted meanwhile, or a later call, makes it worthless, and
    the session is looked at again. One that was told to stop ends under its own reason.
    """

    def proof_of(session: Session) -> Absence | None:
        if not is_current(session, judged.attempt.number) or not same_call(session, judged):
            return None
        return absence or _never_sent(session, deps)

    if is_retried(judged, reason, rented=False):
        blame(deps, judged, reason, error)  # so that the next offer is chosen knowing of it
    tried = try_again(deps, judged, reason, proof_of, rented=False)
    if tried.started:
        return StepResult("done")
    return _refuse_for_good(deps, judged, reason, error, absence, tried.why_not)


def _refuse_for_good(
    deps: Deps,
    judged: Session,
    reason: EndReason,
    error: str,
    absence: Absence | None,
    why_not: str | None,
) -> StepResult:
    def decide(session: Session) -> Decision:
        if not session.is_live or not same_call(session, judged):
            return None
        now, actor = deps.now(), Actor.LIFECYCLE
        proof, why = absence or _never_sent(session, deps), _keyless(session, reason)
        if session.state is State.STOPPING:
            after = conclude(session, Event.CONFIRM_GONE, actor, now, proof)
            return after, [*why, *ended(session, after, Event.CONFIRM_GONE, actor)]
        event, text = Event.REFUSE_LAUNCH, told(error, why_not)
        after = conclude(session, event, actor, now, proof, reason=reason, error=text)
        return after, [*why, *gave_up(after, why_not), *ended(session, after, event, actor)]

    session, changed = change(deps, lambda: store.get(deps.sessions, judged.id), decide)
    if changed:
        blame(deps, session, reason, session.error)
    again = not changed and session.state is State.PROVISIONING
    return StepResult("look" if again else "done")


def _keyless(session: Session, reason: EndReason) -> list[Fact]:
    """The provider refused our key: nothing else there can be launched, or ended."""
    refused = reason is EndReason.PROVIDER_AUTH
    return [about(session, "provider_auth_failed")] if refused else []


def same_call(session: Session, judged: Session) -> bool:
    """True while the session knows of no machine, and of no call after the judged one."""
    now, then = session.attempt, judged.attempt
    return now.instance_id is None and (now.number, now.called_at) == (then.number, then.called_at)


def _never_sent(session: Session, deps: Deps) -> Absence:
    if session.attempt.launch not in (LaunchState.PLANNED, LaunchState.THROTTLED):
        raise ValueError(f"{session.id}: the launch was sent; absence needs proof")
    return never_called(deps.now())


def told(error: str | None, why_not: str | None) -> str:
    """What went wrong and, if more attempts were wanted, why there is none; for people."""
    room = MAX_ERROR_CHARS - len(why_not or "") - 2
    return "; ".join(text for text in ((error or "")[:room], why_not) if text)


def fail_attempt(
    deps: Deps, judged: Session, reason: EndReason, error: str, *, final: bool = False
) -> StepResult:
    """End the attempt in `judged` with a machine that is or may be there; teardown begins.

    `final` means that another offer would not do better.
    """

    def decide(session: Session) -> Decision:
        current = is_current(session, judged.attempt.number)
        if not current or session.state is not State.PROVISIONING:
            return None
        return failing(deps, session, reason, error, final=final)

    session, changed = change(deps, lambda: store.get(deps.sessions, judged.id), decide)
    if changed:
        deps.machines.start(Machine.TEARDOWN, session.id, session.attempt.number, 0)
        blame(deps, session, reason, error)
    return StepResult("done")


def failing(
    deps: Deps, session: Session, reason: EndReason, error: str, *, final: bool = False
) -> tuple[Session, list[Fact]]:
    """The write that begins the end of an attempt; with a retry left, of the attempt only."""
    now, actor, event = deps.now(), Actor.LIFECYCLE, Event.FAIL_PROVISIONING
    wanted = not final and is_retried(session, reason, rented=True)
    why_not = no_more(session, now, deps.settings) if wanted else None
    if wanted and why_not is None:
        after = life.fail_attempt(session, now, reason, told(error, None))
        ending = about(after, "attempt_ending", actor=actor.value, reason=reason.value)
        return after, [ending, *not_verified(after, reason)]
    after = apply(session, event, actor, now, reason=reason, error=told(error, why_not))
    facts = [began_to_end(session, after, event, actor), *gave_up(after, why_not)]
    return after, [*facts, *not_verified(after, reason)]


def attempt_is_over(deps: Deps, judged: Session, absence: Absence) -> None:
    """The machine of a failed attempt is proven gone: the next attempt, or the end's beginning."""
    failed = judged.attempt
    if failed.reason is None:
        raise ValueError(f"{judged.id}: attempt {failed.number} failed without a reason")
    reason = failed.reason

    def proof_of(session: Session) -> Absence | None:
        return absence if _still_failed(session, judged) else None

    tried = try_again(deps, judged, reason, proof_of, rented=True)
    if tried.started:
        return

    def decide(session: Session) -> Decision:
        if not _still_failed(session, judged):
            return None
        event, actor = Event.FAIL_PROVISIONING, Actor.LIFECYCLE
        text = told(failed.error, tried.why_not)
        after = apply(session, event, actor, deps.now(), reason=reason, error=text)
        facts = [began_to_end(session, after, event, actor), *gave_up(after, tried.why_not)]
        return after, facts

    change(deps, lambda: store.get(deps.sessions, judged.id), decide)


def _still_failed(session: Session, judged: Session) -> bool:
    """True while nobody told the session to end, or learnt of its machine, since `judged`."""
    return session.state is State.PROVISIONING and session.attempt == judged.attempt
