"""How things stand, counted from what the tables say: never kept, so never wrong for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State

SHOWN_AFTER_END = timedelta(hours=24)
"""How long a session that has ended is still counted under its last status."""

LATE_END = timedelta(minutes=15)
"""A running session so far past its end shows that the lifecycle sweep does not end it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a gauge has to know of a session that has ended."""

    session_id: str
    provider: str
    state: State


def by_status(
    sessions: Iterable[Session], ended: Iterable[Ended], providers: Iterable[str]
) -> Mapping[tuple[str, State], int]:
    """How many there are of every provider in every state; 0 for what there is none of.

    A session that ended while it was read is in both lists, and counts once.
    """
    places = {one.session_id: (one.provider, one.state) for one in ended}
    places |= {one.id: (one.attempt.provider, one.state) for one in sessions}
    found = Counter(places.values())
    known = sorted({*providers, *(provider for provider, _ in found)})
    return {(provider, state): found[provider, state] for provider in known for state in State}


def stopping_age_max_s(sessions: Iterable[Session], now: datetime) -> float:
    """Seconds for which the oldest `stopping` session of these has been so; 0 without one.

    While a session drains its machine is meant to be there: counting begins when that ends.
    """
    ages = [now - one.teardown_at for one in sessions if one.state is State.STOPPING]
    return max([timedelta(), *ages]).total_seconds()


def expired_running(sessions: Iterable[Session], now: datetime) -> int:
    """Running sessions of these that should have been ended long ago."""
    return sum(
        1 for one in sessions if one.state is State.RUNNING and now - one.expires_at > LATE_END
    )
