"""The second line: each session has a timer of its own, which ends it if no sweep did.

It is set before the provider hears of the session, and does what the sweep would have done.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.expire import look_after
from gpu_shopper.usecases.timers import set_timer


@dataclass(frozen=True, slots=True)
class HardStopped:
    """Whether the session was live, and whether something had to be done with it."""

    live: bool
    handled: bool = False


def hard_stop(deps: Deps, session_id: str) -> HardStopped:
    """Look after one session whose hard max has passed; until it has ended, again and again.

    When the hard max was moved meanwhile, nothing but the timer is.
    """
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return HardStopped(live=False)
    if not session.is_live:
        return HardStopped(live=False)
    try:
        handled = deps.now() >= session.hard_max_at and look_after(deps, session_id)
    finally:
        # Also when that failed: nobody else may come.
        set_timer(deps, session)
    if handled:
        deps.note(Fact("hard_stop", session_id=session_id, metrics={"HardStops": 1}))
    return HardStopped(live=True, handled=handled)
