"""What a provider says it has billed, beside what we say it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.money import divided

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One entry of a provider's bill: an instance, a stretch of time, micro-dollars.

    A correction in our favour is negative. An instance may have several entries, one a day.
    """

    instance_id: str
    label: str | None
    start: datetime
    end: datetime
    amount_microusd: int


def part_on(charge: Charge, day: date) -> int | None:
    """What of the entry belongs to `day`, by time; the days of an entry add up to it.

    None when it does not touch the day. An entry without length belongs to the day of its start.
    """
    span = Days(day, day)
    if charge.start == charge.end:
        return charge.amount_microusd if span.start <= charge.start < span.end else None
    if charge.end <= span.start or charge.start >= span.end:
        return None
    return _until(charge, min(charge.end, span.end)) - _until(charge, max(charge.start, span.start))


def _until(charge: Charge, at: datetime) -> int:
    """What of the entry was used up at `at`, rounded once, so that parts add up."""
    whole = (charge.end - charge.start) // MICROSECOND
    return divided(charge.amount_microusd * ((at - charge.start) // MICROSECOND), whole)
