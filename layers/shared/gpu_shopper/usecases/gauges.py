"""The gauges: read from the tables each minute, by a function that may only read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gpu_shopper.core import gauges as counting
from gpu_shopper.core.breaker import level
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Session
from gpu_shopper.store import breakers, fetches
from gpu_shopper.store import sessions as store
from gpu_shopper.store.inventory import feed_of
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.measuring import measured, timed

SWEEP = "gauges"


@dataclass(frozen=True, slots=True)
class Published:
    """How many sessions were counted."""

    live: int
    ended: int


def publish_gauges(deps: Deps) -> Published:
    """Count everything anew, and tell it."""
    with timed(deps, SWEEP):
        published = _publish(deps)
        deps.note(measured({"SweepCompleted": 1}, Sweep=SWEEP))
    return published


def _publish(deps: Deps) -> Published:
    now = deps.now()
    # The live ones are asked for first: one that ends in between is seen at least once.
    live = list(store.live(deps.sessions))
    ended = list(store.ended_since(deps.sessions, now - counting.SHOWN_AFTER_END))
    # As they were a moment ago, like the index that names them; whatever has ended is counted once.
    sessions = list(store.get_many(deps.sessions, live, consistent=False).values())
    for (provider, state), number in counting.by_status(sessions, ended, FACTS).items():
        deps.note(measured({"SessionsActive": number}, provider, Status=state.value))
    for provider in FACTS:
        of_it = [one for one in sessions if one.attempt.provider == provider]
        _tell_overdue(deps, provider, of_it, now)
    for provider in deps.enabled_providers:
        _tell_market(deps, provider, now)
    return Published(sum(one.is_live for one in sessions), len(ended))


def _tell_overdue(deps: Deps, provider: str, sessions: list[Session], now: datetime) -> None:
    metrics = {
        "StoppingAgeMax": counting.stopping_age_max_s(sessions, now),
        "ExpiredRunning": float(counting.expired_running(sessions, now)),
    }
    deps.note(measured(metrics, provider))


def _tell_market(deps: Deps, provider: str, now: datetime) -> None:
    """The circuit, and the newest offers; without any there is no age to tell."""
    metrics = {"CircuitState": float(level(breakers.read(deps.operations, provider)))}
    newest = fetches.newest(deps.inventory.table, feed_of(provider))
    if newest is not None:
        metrics["SnapshotAge"] = (now - newest.fetched_at).total_seconds()
        if newest.found is not None:
            metrics["OffersAvailable"] = float(newest.found)
    deps.note(measured(metrics, provider))
