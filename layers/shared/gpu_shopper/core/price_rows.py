"""Price history as it is kept and shown: rows of hours and days, and the points made from them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

from gpu_shopper.core.price_book import HOURS, Day
from gpu_shopper.core.prices import Cell, Series, Tally


class Period(StrEnum):
    """How long the buckets are that points stand for, in UTC."""

    HOURLY = "hourly"
    DAILY = "daily"


BUCKET: Mapping[Period, timedelta] = {
    Period.HOURLY: timedelta(hours=1),
    Period.DAILY: timedelta(days=1),
}


class RowKey(NamedTuple):
    """The hours of one day (span `2026-02-07`), or the days of one month (span `2026-02`).

    Without a series the row says in how many snapshots the provider was observed.
    """

    provider: str
    series: Series | None
    period: Period
    span: str


type Row = Mapping[int, Sequence[int]]
"""Hour of the day or day of the month → the numbers of a `Cell`, or one number of snapshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One series in one bucket that begins `at`.

    `cell` is None when none of the `snapshots` had an offer; a bucket without a snapshot has no
    point. `complete` is False for the bucket that is still running.
    """

    at: datetime
    snapshots: int
    cell: Cell | None
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is asked for: the last `days` × 24 hours, or `days` UTC days with today, up to `to`."""

    period: Period
    days: int
    to: datetime

    @property
    def since(self) -> datetime:
        """Where the window begins."""
        if self.period is Period.HOURLY:
            return self.to - timedelta(days=self.days)
        return _midnight(self.to.date()) - timedelta(days=self.days - 1)

    def holds(self, at: datetime) -> bool:
        """True for the begin of a bucket inside: 24 × `days` hours, or `days` days."""
        after_begin = at > self.since if self.period is Period.HOURLY else at >= self.since
        return after_begin and at <= self.to

    def keys(self, provider: str, series: Series | None) -> list[RowKey]:
        """The rows that may hold buckets of the window, oldest first."""
        first, last = self.since.date(), self.to.date()
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        spans = dict.fromkeys(span_of(self.period, day) for day in days)
        return [RowKey(provider, series, self.period, span) for span in spans]

    def points(self, provider: str, series: Series, rows: Mapping[RowKey, Row]) -> Iterator[Point]:
        """The points of a series by its rows and those of its provider, oldest first."""
        for key in self.keys(provider, None):
            own = rows.get(key._replace(series=series), {})
            for place, (snapshots,) in sorted(rows.get(key, {}).items()):
                at = _begin(key, place)
                if self.holds(at):
                    yield Point(
                        at=at,
                        snapshots=snapshots,
                        cell=Cell(*own[place]) if place in own else None,
                        complete=at + BUCKET[self.period] <= self.to,
                    )

    def most_points(self, provider: str, rows: Mapping[RowKey, Row]) -> int:
        """At most so many points has a series of the provider; hours count by whole days."""
        observed = [rows[key] for key in self.keys(provider, None) if key in rows]
        if self.period is Period.HOURLY:
            return HOURS * len(observed)
        return sum(len(row) for row in observed)


def span_of(period: Period, on: date) -> str:
    """The span of the row that has the hours of this day, or this day."""
    return on.isoformat() if period is Period.HOURLY else f"{on:%Y-%m}"


def rows_of(
    provider: str, on: date, day: Day, wanted: Container[Series] | None = None
) -> dict[RowKey, Row]:
    """The rows that a day fills: its hours whole, and its own place in the month.

    `wanted` picks series; the rows of the provider itself are always there.
    """
    hours, month = (span_of(period, on) for period in (Period.HOURLY, Period.DAILY))
    rows: dict[RowKey, Row] = {
        RowKey(provider, None, Period.HOURLY, hours): {
            hour: (number,) for hour, number in day.snapshots.items()
        },
        RowKey(provider, None, Period.DAILY, month): {on.day: (sum(day.snapshots.values()),)},
    }
    for series, tallies in _by_series(day, wanted).items():
        rows[RowKey(provider, series, Period.HOURLY, hours)] = {
            hour: tally.settled() for hour, tally in tallies.items()
        }
        whole = reduce(Tally.plus, tallies.values())
        rows[RowKey(provider, series, Period.DAILY, month)] = {on.day: whole.settled()}
    return rows


def merged(*rows: Mapping[RowKey, Row]) -> dict[RowKey, Row]:
    """All rows together; a later one wins where two fill the same place."""
    found: dict[RowKey, Row] = {}
    for some in rows:
        for key, row in some.items():
            found[key] = {**found.get(key, {}), **row}
    return found


def fitting(sizes: Sequence[int], limit: int, most_points: int) -> int:
    """How many of the series in order fit on a page; always one, so that every walk ends."""
    sums = accumulate(sizes[:limit])
    return max(min(1, len(sizes)), sum(1 for total in sums if total <= most_points))


def _by_series(day: Day, wanted: Container[Series] | None) -> dict[Series, dict[int, Tally]]:
    found: dict[Series, dict[int, Tally]] = {}
    for hour, tallies in day.tallies.items():
        for series, tally in tallies.items():
            if wanted is None or series in wanted:
                found.setdefault(series, {})[hour] = tally
    return found


def _begin(key: RowKey, place: int) -> datetime:
    """When the bucket at `place` of a row begins."""
    if key.period is Period.HOURLY:
        return _midnight(date.fromisoformat(key.span)) + timedelta(hours=place)
    return _midnight(date.fromisoformat(f"{key.span}-{place:02d}"))


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), UTC)
