"""The sweep's look at agents: machines that idle, and machines that have fallen silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gpu_shopper.core.agents import Beat, end_of, has_fallen_silent, is_of, is_our_fault
from gpu_shopper.core.life import apply, evolve
from gpu_shopper.core.session import Notice, Session
from gpu_shopper.core.states import Actor, Event, State
from gpu_shopper.store import beats, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.facts import began_to_end
from gpu_shopper.usecases.writing import save

OVER = (State.STOPPING, State.STOPPED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look did: sessions ended, and those whose handling failed."""

    ended: int
    failed: tuple[str, ...]


def look_at_agents(deps: Deps, last_sweep_at: datetime | None) -> Looked:
    """End what idles or has fallen silent, one by one; reads what is due, and no other session.

    `last_sweep_at`: when the sweep last ended well. After a pause of ours nobody is silent.
    """
    now = deps.now()
    found = beats.find_many(deps.sessions, beats.due(deps.sessions, now))
    silence_counts = _silence_counts(deps, found.values(), last_sweep_at)
    ended, failed = 0, []
    for session_id, beat in found.items():
        try:
            with deps.concerning(session_id=session_id):
                ended += _judge(deps, beat, silence_counts=silence_counts)
        except Exception as exc:  # noqa: BLE001  (one bad item must not keep others alive)
            deps.note(Fact("sweep_item_failed", session_id=session_id, reason=type(exc).__name__))
            failed.append(session_id)
    _gauge(deps, found.values(), now)
    return Looked(ended, tuple(failed))


def look_for_agent(deps: Deps, session: Session) -> None:
    """Ten minutes into `running`: a warning when the agent has not been heard of; ends nothing."""
    now = deps.now()
    after = evolve(session, now, agent_looked_for=True)
    beat = beats.find(deps.sessions, session.id)
    if beat is None or not is_of(beat, session):
        message = "the agent on the machine has not reported yet"
        notice = Notice(code="agent_not_reporting", message=message, at=now)
        after = replace(after, warnings=(*session.warnings, notice)[-20:])
    save(deps, session, after)


def _judge(deps: Deps, due: Beat, *, silence_counts: bool) -> bool:
    """Ends the session if it must; read again, since a heartbeat may have come meanwhile."""
    session = store.get(deps.sessions, due.session_id)
    if session.state in OVER or not is_of(due, session):
        beats.forget_due(deps.sessions, due)
        return False
    beat = beats.find(deps.sessions, due.session_id) or due
    event = end_of(session, beat, deps.now(), deps.settings)
    if event is None or (event is Event.HEARTBEAT_TIMEOUT and not silence_counts):
        return False
    after = apply(session, event, Actor.LIFECYCLE, deps.now())
    save(deps, session, after, [began_to_end(session, after, event, Actor.LIFECYCLE)])
    deps.machines.start(Machine.TEARDOWN, after.id, after.attempt.number, 0)
    return True


def _silence_counts(deps: Deps, due: Iterable[Beat], last_sweep_at: datetime | None) -> bool:
    """False when agents were silent because nobody of us listened."""
    now, settings = deps.now(), deps.settings
    silent = [one for one in due if has_fallen_silent(one, now, settings)]
    if not silent:
        return True
    since = now - timedelta(seconds=settings.heartbeat_silent_s)
    failed_at = operations.heartbeat_failure_at(deps.operations)
    if last_sweep_at is None or last_sweep_at < since or (failed_at and failed_at >= since):
        deps.note(Fact("agents_not_heard", details={"silent": len(silent)}))
        return False
    known = beats.find_many(deps.sessions, beats.watched(deps.sessions)).values()
    if any(is_our_fault(one, known, now, settings) for one in silent):
        deps.note(
            Fact(
                "agent_outage",
                metrics={"AgentOutages": 1},
                details={"silent": len(silent), "agents": len(known)},
            )
        )
        return False
    return True


def _gauge(deps: Deps, due: Iterable[Beat], now: datetime) -> None:
    """The age of the oldest last heartbeat: of those that are due, else of the next to be."""
    oldest = min((one.at for one in due), default=None)
    if oldest is None:
        next_at = beats.next_due(deps.sessions, now)
        if next_at is None:
            return
        oldest = next_at - timedelta(seconds=deps.settings.heartbeat_silent_s)
    age_s = (now - oldest).total_seconds()
    deps.note(Fact("agents_watched", metrics={"HeartbeatAgeMax": age_s}))
