"""Each session's own timer: set before its machine is rented, cleared when its end is proven."""

from __future__ import annotations

from gpu_shopper.core.deadlines import hard_stop_at
from gpu_shopper.core.session import Session
from gpu_shopper.usecases.deps import Deps


def set_timer(deps: Deps, session: Session) -> None:
    """Have `hard_stop` look after `session` at its next instant. Raises when it will not."""
    deps.hard_stops.set(session.id, hard_stop_at(session, deps.now(), deps.settings))


def clear_timer(deps: Deps, session: Session) -> None:
    """Remove the first timer of a session that has ended; others remove themselves."""
    first = hard_stop_at(session, session.created_at, deps.settings)
    deps.hard_stops.clear(session.id, first)
