"""Lists of sessions, newest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpu_shopper.core.session import Session
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps


@dataclass(frozen=True, slots=True)
class Page:
    """One page of sessions and the position after it, None at the end."""

    sessions: list[Session]
    next_position: str | None


PAGES_PER_REQUEST = 20


def list_sessions(
    deps: Deps,
    whose: str | None,
    wanted: Callable[[Session], bool],
    after: str | None,
    limit: int,
) -> Page:
    """Sessions of one consumer (None: of all), newest first, that `wanted` lets pass.

    Looks at a bounded number of sessions; a page may be short and still have a next one.
    """
    found: list[Session] = []
    position = after
    for _ in range(PAGES_PER_REQUEST):
        rows = store.positions(deps.sessions, whose or store.EVERYBODY, position, store.BATCH)
        sessions = store.get_many(deps.sessions, (session_id for _, session_id in rows))
        for position, session_id in rows:
            session = sessions.get(session_id)
            if session is not None and wanted(session):
                found.append(session)
            if len(found) == limit:
                return Page(found, position)
        if len(rows) < store.BATCH:
            return Page(found, None)
    return Page(found, position)
