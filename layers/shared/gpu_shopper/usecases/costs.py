"""What callers may ask of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.cost_periods import Days, Totals, added
from gpu_shopper.core.costs import session_cost, session_seconds
from gpu_shopper.core.session import Session
from gpu_shopper.store import costs, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.store.cost_days import EVERYBODY
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.ledger import SWEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCost:
    """What one session has cost up to `through`; `final` when nothing can be added."""

    microusd: int
    seconds: int
    through: datetime
    final: bool


def cost_of(deps: Deps, caller: Caller, session_id: str) -> SessionCost:
    """What the session has cost. Raises SessionNotFound, also for somebody else's."""
    session = store.get_for(deps.sessions, session_id, caller)
    return booked_costs(deps, [session])[session_id]


def booked_costs(deps: Deps, sessions: Iterable[Session]) -> dict[str, SessionCost]:
    """What is booked of each session, by id; of one not booked yet, nothing since it was made.

    An end is booked just after it is written. Who asks in between is told what the session itself
    says, for that is about to be booked.
    """
    known = {session.id: session for session in sessions}
    booked = costs.booked(deps.costs, known)
    return {
        one.id: _session_cost(one, booked.get(one.id) or costs.nothing_booked(one))
        for one in known.values()
    }


def _session_cost(session: Session, booked: costs.Booked) -> SessionCost:
    if not session.is_live and booked.session_version < session.version:
        return _about_to_be_booked(session, booked)
    is_last = not session.is_live and booked.session_version == session.version
    return SessionCost(
        microusd=booked.microusd,
        seconds=booked.seconds,
        through=min(booked.through, session.stopped_at or booked.through),
        final=is_last and not booked.has_strays,
    )


def _about_to_be_booked(session: Session, booked: costs.Booked) -> SessionCost:
    """At least what is booked: that holds orphans, of which the session knows nothing."""
    through = session.stopped_at or session.updated_at
    return SessionCost(
        microusd=max(booked.microusd, session_cost(session, through)),
        seconds=max(booked.seconds, session_seconds(session, through)),
        through=through,
        final=False,
    )


def costs_in(deps: Deps, consumer_id: str | None, days: Days) -> Totals:
    """What the sessions of one consumer, or of all, cost on these days."""
    whose = consumer_id or EVERYBODY
    rows = costs.days(deps.costs, whose, days.first, days.last)
    return added((row.session_id, row.shares) for row in rows)


def accrued_through(deps: Deps) -> datetime | None:
    """Up to when the ledger's job has booked all sessions; None before its first run."""
    run = operations.last_sweep(deps.operations, SWEEP)
    return run.at if run else None
