"""Price history as it is kept and shown: rows of hours and days, and the points made from them."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

from gpu_shopper.core.price_book import Day
from gpu_shopper.core.prices import Cell, Series, Tally


class Period(StrEnum):
    """How long the buckets are that points stand for, in UTC."""

    HOURLY = "hourly"
    DAILY = "daily"


LENGTH: Mapping[Period, timedelta] = {
    Period.HOURLY: timedelta(hours=1),
    Period.DAILY: timedelta(days=1),
}

ROW_POINTS = 8
"""A row counts as at least so many points of a page: one that is nearly empty is read as well."""


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
class Bucket:
    """One hour or day, beginning `at`, of which a provider has at least one snapshot.

    `row` and `place` say where it is kept. `complete` is False while it is still running.
    """

    row: RowKey
    place: int
    at: datetime
    snapshots: int
    complete: bool


class Point(NamedTuple):
    """One series in one bucket; `cell` is None when no snapshot of the bucket had an offer."""

    bucket: Bucket
    cell: Cell | None


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

    def buckets(self, provider: str, rows: Mapping[RowKey, Row]) -> list[Bucket]:
        """The buckets of the window in which the provider was observed, oldest first."""
        return [
            Bucket(
                row=key,
                place=place,
                at=at,
                snapshots=snapshots,
                complete=at + LENGTH[self.period] <= self.to,
            )
            for key in self.keys(provider, None)
            for place, (snapshots,) in sorted(rows.get(key, {}).items())
            if self.holds(at := _begin(key, place))
        ]


def rows_with(buckets: Iterable[Bucket], series: Series) -> list[RowKey]:
    """The rows in which a series has its figures of these buckets."""
    keys = dict.fromkeys(bucket.row for bucket in buckets)
    return [key._replace(series=series) for key in keys]


def points(
    buckets: Sequence[Bucket], series: Series, rows: Mapping[RowKey, Row]
) -> Iterator[Point]:
    """What a series has in each bucket of its provider."""
    own = {key: rows.get(key._replace(series=series), {}) for key in {one.row for one in buckets}}
    for bucket in buckets:
        numbers = own[bucket.row].get(bucket.place)
        yield Point(bucket, Cell(*numbers) if numbers else None)


def size(buckets: Collection[Bucket]) -> int:
    """What a series with these buckets adds to a page: its points, or its rows if they are few."""
    return max(len(buckets), ROW_POINTS * len({bucket.row for bucket in buckets}))


def span_of(period: Period, on: date) -> str:
    """The span of the row that has the hours of this day, or this day."""
    return on.isoformat() if period is Period.HOURLY else f"{on:%Y-%m}"


def rows_of(
    provider: str, on: date, day: Day, period: Period, wanted: Container[Series] | None = None
) -> dict[RowKey, Row]:
    """The rows that a day fills: those of its hours, or its own place in those of the month.

    `wanted` picks series; the row of the provider itself is always there.
    """
    span, hourly = span_of(period, on), period is Period.HOURLY
    snapshots: Row = {hour: (number,) for hour, number in day.snapshots.items()}
    whole: Row = {on.day: (sum(day.snapshots.values()),)}
    rows = {RowKey(provider, None, period, span): snapshots if hourly else whole}
    for series, tallies in _by_series(day, wanted).items():
        rows[RowKey(provider, series, period, span)] = (
            {hour: tally.settled() for hour, tally in tallies.items()}
            if hourly
            else {on.day: reduce(Tally.plus, tallies.values()).settled()}
        )
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
