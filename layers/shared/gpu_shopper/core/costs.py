"""What a session has cost so far: per attempt, from accepted launch to proven end."""

from __future__ import annotations

import math
from datetime import datetime

from gpu_shopper.core.money import accrued
from gpu_shopper.core.session import Attempt, Session


def billed_seconds(attempt: Attempt, now: datetime) -> int:
    """Seconds this attempt is billed for up to `now`.

    The start is cut to the whole second and the end rounded up to it; 0 when nothing was rented.
    """
    if attempt.launched_at is None:
        return 0
    start = math.floor(attempt.launched_at.timestamp())
    end = math.ceil((attempt.ended_at or now).timestamp())
    return max(0, end - start)


def attempt_cost(attempt: Attempt, now: datetime) -> int:
    """Micro-dollars this attempt has cost up to `now`, or in all when it ended."""
    return accrued(attempt.price_microusd_per_hour, billed_seconds(attempt, now))


def session_cost(session: Session, now: datetime) -> int:
    """Micro-dollars of all attempts up to `now`."""
    return sum(attempt_cost(attempt, now) for attempt in session.attempts)
