"""What callers may ask of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.cost_periods import Days, Totals, added
from gpu_shopper.core.session import Session
from gpu_shopper.store import costs, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.ledger import SWEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCost:
    """What is booked of one session, up to `through`; `final` when nothing can be added."""

    microusd: int
    seconds: int
    through: datetime
    final: bool


def cost_of(deps: Deps, caller: Caller, session_id: str) -> SessionCost:
    """What the session has cost. Raises SessionNotFound, also for somebody else's."""
    session = store.get_for(deps.sessions, session_id, caller)
    return booked_costs(deps, [session])[session_id]


def booked_costs(deps: Deps, sessions: Iterable[Session]) -> dict[str, SessionCost]:
    """What is booked of each session, by id; of one not booked yet, nothing since it was made."""
    known = {session.id: session for session in sessions}
    booked = costs.booked(deps.costs, known)
    return {one.id: _session_cost(one, booked.get(one.id)) for one in known.values()}


def _session_cost(session: Session, booked: costs.Booked | None) -> SessionCost:
    if booked is None:
        return SessionCost(microusd=0, seconds=0, through=session.created_at, final=False)
    return SessionCost(
        microusd=booked.microusd,
        seconds=booked.seconds,
        through=min(booked.through, session.stopped_at or booked.through),
        final=not session.is_live
        and not booked.has_strays
        and booked.session_version == session.version,
    )


def costs_in(deps: Deps, consumer_id: str | None, days: Days) -> Totals:
    """What the sessions of one consumer, or of all, cost on these days."""
    whose = consumer_id or costs.EVERYBODY
    rows = costs.days(deps.costs, whose, days.first, days.last)
    return added((row.session_id, row.shares) for row in rows)


def accrued_through(deps: Deps) -> datetime | None:
    """Up to when the ledger's job has booked all sessions; None before its first run."""
    run = operations.last_sweep(deps.operations, SWEEP)
    return run.at if run else None
