"""The open book of a provider's prices: today's hours, and the week that offers are compared with.

Snapshots are counted in the order of their fetches, each once. A day that is over stays in the
book, unchanged, until it has been filed as rows; hours are kept as tallies until then, because a
day is made from its snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from gpu_shopper.core.offers import Offer
from gpu_shopper.core.prices import Quote, Series, Tally, percentile

HOURS = 24
WEEK = timedelta(hours=168)
DAYS_OF_LOWS = 7
"""Days before today in which hours of the last 168 can lie."""


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: hour → number of snapshots, and hour → what they said of each series."""

    snapshots: Mapping[int, int] = field(default_factory=dict)
    tallies: Mapping[int, Mapping[Series, Tally]] = field(default_factory=dict)

    def counted(self, hour: int, quotes: Mapping[Series, Quote]) -> Day:
        """The day with one more snapshot in `hour`."""
        tallies = dict(self.tallies.get(hour, {}))
        for series, quote in quotes.items():
            before, one = tallies.get(series), Tally.of(quote)
            tallies[series] = before.plus(one) if before else one
        return Day(
            {**self.snapshots, hour: self.snapshots.get(hour, 0) + 1},
            {**self.tallies, hour: tallies},
        )

    def lows(self) -> dict[Series, list[int | None]]:
        """The cheapest price of each hour, None where there was none."""
        found: dict[Series, list[int | None]] = {}
        for hour, tallies in self.tallies.items():
            for series, tally in tallies.items():
                found.setdefault(series, [None] * HOURS)[hour] = tally.cheapest
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What is open of one provider's history.

    `through` is the fetch of the newest counted snapshot, `lows` the cheapest price of each hour
    of the days before those in `days`, `known` the last day on which a series was on offer.
    """

    through: datetime | None = None
    days: Mapping[date, Day] = field(default_factory=dict)
    lows: Mapping[date, Mapping[Series, Sequence[int | None]]] = field(default_factory=dict)
    known: Mapping[Series, date] = field(default_factory=dict)

    def has_counted(self, fetched_at: datetime) -> bool:
        """True for a snapshot that was counted, or that a later one has overtaken."""
        return self.through is not None and fetched_at <= self.through

    def counted(self, fetched_at: datetime, quotes: Mapping[Series, Quote]) -> Book:
        """The book with this snapshot; itself when it has been counted."""
        if self.has_counted(fetched_at):
            return self
        today = fetched_at.date()
        day = self.days.get(today, Day()).counted(fetched_at.hour, quotes)
        return replace(
            self,
            through=fetched_at,
            days={**self.days, today: day},
            known={**self.known, **dict.fromkeys(quotes, today)},
        )

    def over(self) -> list[date]:
        """Days to which no snapshot can be added any more, oldest first."""
        return sorted(self.days)[:-1]

    def filed(self, filed: Iterable[date], keep_days: int) -> Book:
        """The book without days that are filed; of them it keeps what the week needs.

        Series not on offer for `keep_days` are forgotten.
        """
        gone = [on for on in filed if on in self.days]
        today = max(self.days)
        lows = {**self.lows, **{on: self.days[on].lows() for on in gone}}
        return replace(
            self,
            days={on: day for on, day in self.days.items() if on not in gone},
            lows={on: low for on, low in lows.items() if (today - on).days <= DAYS_OF_LOWS},
            known={one: on for one, on in self.known.items() if (today - on).days <= keep_days},
        )


def percentiles(
    book: Book, offers: Iterable[Offer], fetched_at: datetime, fewest: int
) -> dict[str, int]:
    """Offer id → where its price stands among its series' lows of the last 168 complete hours.

    Offers with fewer than `fewest` such hours are left out.
    """
    lows = {series: sorted(found) for series, found in _week(book, fetched_at).items()}
    found = {}
    for offer in offers:
        known = lows.get(Series.of(offer), [])
        place = percentile(offer.price_microusd_per_hour, known, fewest)
        if place is not None:
            found[offer.id] = place
    return found


def _week(book: Book, now: datetime) -> dict[Series, list[int]]:
    """The cheapest price of each complete hour among the last 168."""
    running = now.replace(minute=0, second=0, microsecond=0)
    found: dict[Series, list[int]] = {}
    for on, low in [*book.lows.items(), *((on, day.lows()) for on, day in book.days.items())]:
        midnight = datetime.combine(on, time(), now.tzinfo)
        hours = [
            hour
            for hour in range(HOURS)
            if running - WEEK <= midnight + timedelta(hours=hour) < running
        ]
        for series, prices in low.items():
            complete = (prices[hour] for hour in hours)
            found.setdefault(series, []).extend(p for p in complete if p is not None)
    return found
