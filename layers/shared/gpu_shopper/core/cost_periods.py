"""Which UTC days a question about costs means, and what they add up to."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from gpu_shopper.core.costs import Share

MOST_DAYS = 366


class CostPeriod(StrEnum):
    """A period by name."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, the first and the last included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The first instant of the first day."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    @property
    def count(self) -> int:
        """How many they are; 0 or less when the last is before the first."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What was billed: micro-dollars, seconds, and the former by provider and by GPU type."""

    microusd: int
    seconds: int
    sessions: int
    by_provider: Mapping[str, int]
    by_gpu_type: Mapping[str, int]


def month_of(day: date) -> Days:
    """The calendar month that contains `day`."""
    last = monthrange(day.year, day.month)[1]
    return Days(day.replace(day=1), day.replace(day=last))


def months_of(days: Days) -> Iterator[date]:
    """The first day of each month that these days touch."""
    month = days.first.replace(day=1)
    while month <= days.last:
        yield month
        year, number = divmod(month.year * 12 + month.month, 12)
        month = date(year, number + 1, 1)


def days_meant(
    start: date | None, end: date | None, period: CostPeriod | None, today: date
) -> Days:
    """The days that these words mean; without any, those of the current month.

    Only a start means: to the end of its month; only an end: from the first of its month.
    """
    if period is CostPeriod.DAILY:
        return Days(start or today, start or today)
    if period is CostPeriod.MONTHLY:
        return month_of(start or today)
    month = month_of(start or end or today)
    return Days(start or month.first, end or month.last)


def added(rows: Iterable[tuple[str, Iterable[Share]]]) -> Totals:
    """The totals of rows, each a session's id and its shares; the breakdowns add up to them."""
    sessions: set[str] = set()
    seconds = 0
    by_provider: Counter[str] = Counter()
    by_gpu_type: Counter[str] = Counter()
    for session_id, shares in rows:
        sessions.add(session_id)
        for share in shares:
            seconds += share.seconds
            by_provider[share.provider] += share.microusd
            by_gpu_type[share.gpu_type] += share.microusd
    return Totals(
        microusd=by_provider.total(),
        seconds=seconds,
        sessions=len(sessions),
        by_provider=dict(sorted(by_provider.items())),
        by_gpu_type=dict(sorted(by_gpu_type.items())),
    )
