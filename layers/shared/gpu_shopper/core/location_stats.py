"""Location statistics: how far to trust offers of a location whose list is known to be stale.

Counted per location are the launches that the provider judged: accepted, or refused because there
is no machine. What was tried too long ago says nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpu_shopper.core.settings import Settings

UNTRIED = 0.30
"""A location that nobody has tried lately: most launches there find nothing."""
AFTER_FAILURE = 0.5
LEAST, MOST = 0.05, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationStats:
    """Judged launches at one location, and how the last one ended."""

    attempts: int
    successes: int
    last_attempt_at: datetime
    last_ok: bool


def counts_since(now: datetime, settings: Settings) -> datetime:
    """All counters of a location count as zero when its last attempt was before this instant."""
    return now - timedelta(seconds=settings.location_memory_s)


def location_confidence(stats: LocationStats, now: datetime, settings: Settings) -> float:
    """The share of successes, halved after a failure, 0.05 to 1; 0.30 when nothing counts."""
    if stats.attempts == 0 or stats.last_attempt_at < counts_since(now, settings):
        return UNTRIED
    share = stats.successes / stats.attempts * (1.0 if stats.last_ok else AFTER_FAILURE)
    return min(MOST, max(LEAST, share))
