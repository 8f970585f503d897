"""The lifecycle sweep: sessions whose time has come, and executions that have died."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from gpu_shopper.core.deadlines import (
    CheckMachine,
    End,
    EndDrain,
    LookForAgent,
    NoteDelay,
    Restart,
    TellExpiry,
    due_action,
)
from gpu_shopper.core.draining import end_drain, end_in_order
from gpu_shopper.core.evidence import never_called
from gpu_shopper.core.life import apply, conclude, evolve
from gpu_shopper.core.session import Notice, Session
from gpu_shopper.core.states import Actor, Event, row_for
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import failing
from gpu_shopper.usecases.blaming import blame
from gpu_shopper.usecases.budgets import spent_out
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.facts import about, began_to_end, drain_started, ended
from gpu_shopper.usecases.measuring import timed
from gpu_shopper.usecases.releases import mark_lifecycle
from gpu_shopper.usecases.repeats import forget_secrets
from gpu_shopper.usecases.silence import look_at_agents, look_for_agent
from gpu_shopper.usecases.writing import save

SWEEP = "lifecycle"
NOT_READY = "not ready in time"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did; sessions that failed are handled by the next one."""

    handled: int
    failed: tuple[str, ...]


def expire_sessions(deps: Deps) -> Swept:
    """Handle every session that is due, one by one, then secrets that nobody may see any more.

    One failure does not stop the rest.
    """
    with timed(deps, SWEEP):
        return _sweep(deps)


def _sweep(deps: Deps) -> Swept:
    handled, failed = 0, []
    for session_id in list(store.due(deps.sessions, deps.now())):
        try:
            with deps.concerning(session_id=session_id):
                handled += look_after(deps, session_id)
        except Exception as exc:  # noqa: BLE001  (one bad item must not keep others alive)
            deps.note(Fact("sweep_item_failed", session_id=session_id, reason=type(exc).__name__))
            failed.append(session_id)
    for session_id in _over_budget(deps):
        try:
            with deps.concerning(session_id=session_id):
                handled += _end_over_budget(deps, session_id)
        except Exception as exc:  # noqa: BLE001  (one bad item must not keep others alive)
            deps.note(Fact("sweep_item_failed", session_id=session_id, reason=type(exc).__name__))
            failed.append(session_id)
    forget_secrets(deps)
    before = operations.last_sweep(deps.operations, SWEEP)
    looked = look_at_agents(deps, before.at if before else None)
    mark_lifecycle(deps, SWEEP, before)
    deps.note(Fact("sweep_completed", metrics={"SweepCompleted": 1}, dimensions={"Sweep": SWEEP}))
    return Swept(handled + looked.ended, (*failed, *looked.failed))


def look_after(deps: Deps, session_id: str) -> bool:
    """Do what is due with this session now, if anything is. Raises: Conflict."""
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return False
    action = due_action(session, deps.now(), deps.settings)
    if action is None:
        return False
    if isinstance(action, CheckMachine):
        _begin_check(deps, session)
        return True
    if isinstance(action, LookForAgent):
        look_for_agent(deps, session)
        return True
    if isinstance(action, TellExpiry):
        _tell_expiry(deps, session)
        return True
    after = _act(deps, session, action)
    if after.is_live and not after.drains:
        restarts = 0 if after.state is not session.state else after.restarts
        deps.machines.start(_machine(after), after.id, after.attempt.number, restarts)
    return True


def _over_budget(deps: Deps) -> list[str]:
    """Running sessions of consumers whose enforced budget is spent."""
    consumers = spent_out(deps)
    if not consumers:
        return []
    sessions = store.get_many(deps.sessions, store.live(deps.sessions)).values()
    return [one.id for one in sessions if one.consumer_id in consumers]


def _end_over_budget(deps: Deps, session_id: str) -> bool:
    session = store.get(deps.sessions, session_id)
    if row_for(session.state, Event.BUDGET_EXCEEDED) is None:
        return False
    after = _end(deps, session, End(Event.BUDGET_EXCEEDED))
    deps.machines.start(Machine.TEARDOWN, after.id, after.attempt.number, 0)
    return True


def _machine(session: Session) -> Machine:
    return Machine.TEARDOWN if session.is_tearing_down else Machine.PROVISION


def _begin_check(deps: Deps, session: Session) -> None:
    """Set the time of the next check, then begin this one elsewhere: it takes long and may fail."""
    now = deps.now()
    next_at = now + timedelta(seconds=deps.settings.check_interval_s)
    save(deps, session, evolve(session, now, next_check_at=next_at))
    deps.checks.begin(session.id, session.attempt.number)


def _tell_expiry(deps: Deps, session: Session) -> None:
    """Once for each expiry: an extension makes another one."""
    after = evolve(session, deps.now(), expiry_told=session.expires_at)
    save(deps, session, after, [about(after, "session_expiring", actor=Actor.LIFECYCLE.value)])


def _act(deps: Deps, session: Session, action: End | NoteDelay | EndDrain | Restart) -> Session:
    match action:
        case End():
            return _end(deps, session, action)
        case NoteDelay():
            return _note_delay(deps, session)
        case EndDrain():
            return _end_drain(deps, session)
        case Restart():
            return _restart(deps, session)


def _end(deps: Deps, session: Session, end: End) -> Session:
    now, actor = deps.now(), Actor.LIFECYCLE
    if end.event is Event.REFUSE_LAUNCH:
        # In `pending` nothing of this attempt was launched, by construction.
        proof, error = never_called(now), "provisioning did not start in time"
        after = conclude(session, end.event, actor, now, proof, reason=end.reason, error=error)
        save(deps, session, after, ended(session, after, end.event, actor))
        return after
    if end.event is Event.FAIL_PROVISIONING and end.reason is not None:
        after, facts = failing(deps, session, end.reason, NOT_READY)
        save(deps, session, after, facts)
        blame(deps, after, end.reason, NOT_READY)
        return after
    if end.event is Event.EXPIRE:
        after = end_in_order(session, end.event, actor, now, deps.settings)
    else:
        after = apply(session, end.event, actor, now, reason=end.reason)
    told = began_to_end(session, after, end.event, actor)
    save(deps, session, after, [told, *drain_started(after, actor)])
    return after


def _end_drain(deps: Deps, session: Session) -> Session:
    after = end_drain(session, deps.now())
    save(deps, session, after)
    return after


def _restart(deps: Deps, session: Session) -> Session:
    """Count the restart first: the new execution's name comes from the number."""
    now = deps.now()
    after = evolve(session, now, restarts=session.restarts + 1, next_step_at=now)
    save(deps, session, after)
    return after


def _note_delay(deps: Deps, session: Session) -> Session:
    """Say once that the end takes too long; the rounds go on, under a living execution."""
    now = deps.now()
    notice = Notice(code="stop_delayed", message="the machine's end is not proven yet", at=now)
    after = replace(
        evolve(session, now, restarts=session.restarts + 1, stop_delay_noted=True),
        warnings=(*session.warnings, notice)[-20:],
        next_step_at=now + timedelta(seconds=deps.settings.teardown_wait_cap_s),
    )
    save(deps, session, after, [about(after, "destroy_delayed")])
    return after
