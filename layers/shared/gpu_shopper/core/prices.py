"""Price history: what one snapshot says of the market, and what many say together.

A series is one provider's offers of one GPU type and one number of GPUs. Every complete snapshot
gives a quote of each series that it offers. Quotes add up to a tally, which keeps how often each
median was seen: so the tallies of 24 hours make a day as exactly as its snapshots would.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gpu_shopper.core.money import divided
from gpu_shopper.core.offers import Offer


class Series(NamedTuple):
    """What prices are compared within, beside the provider; sorts as lists of series do."""

    gpu_type: str
    gpu_count: int

    @classmethod
    def of(cls, offer: Offer) -> Series:
        """The series that an offer belongs to."""
        return cls(offer.gpu_type, offer.gpu_count)


class Quote(NamedTuple):
    """One series in one snapshot: micro-dollars per hour, and how many offers there were."""

    cheapest: int
    median: int
    offers: int


class Cell(NamedTuple):
    """One series in one hour or day; only of snapshots that offered it.

    `offers` is the sum over these snapshots, `most` the largest number in one of them, and
    `offered_in` how many they are. Prices are micro-dollars per hour.
    """

    cheapest: int
    median: int
    offers: int
    most: int
    offered_in: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What the snapshots so far say of one series; `medians` is median → number of snapshots."""

    cheapest: int
    medians: Mapping[int, int]
    offers: int
    most: int

    @classmethod
    def of(cls, quote: Quote) -> Tally:
        """The tally of one snapshot."""
        return cls(quote.cheapest, {quote.median: 1}, quote.offers, quote.offers)

    def plus(self, other: Tally) -> Tally:
        """Both together, in any order."""
        return Tally(
            cheapest=min(self.cheapest, other.cheapest),
            medians=Counter(self.medians) + Counter(other.medians),
            offers=self.offers + other.offers,
            most=max(self.most, other.most),
        )

    def settled(self) -> Cell:
        """The figures that are shown; the median is that of the snapshots' medians."""
        return Cell(
            cheapest=self.cheapest,
            median=median(self.medians),
            offers=self.offers,
            most=self.most,
            offered_in=sum(self.medians.values()),
        )


def quotes(offers: Iterable[Offer]) -> dict[Series, Quote]:
    """Cheapest, median and number of the offers of each series, by the price of a whole offer."""
    prices: dict[Series, list[int]] = {}
    for offer in offers:
        prices.setdefault(Series.of(offer), []).append(offer.price_microusd_per_hour)
    return {
        series: Quote(min(found), median(Counter(found)), len(found))
        for series, found in prices.items()
    }


def median(counts: Mapping[int, int]) -> int:
    """The middle of values that occur as often as `counts` says; there must be one.

    Of an even number it is the mean of the middle two, rounded half to even.
    """
    total = sum(counts.values())
    lower, upper = (_at(counts, place) for place in ((total - 1) // 2, total // 2))
    return divided(lower + upper, 2)


def _at(counts: Mapping[int, int], place: int) -> int:
    """The value at `place`, from 0, when all are laid out in order."""
    passed = 0
    for value in sorted(counts):
        passed += counts[value]
        if passed > place:
            return value
    raise ValueError("no value there")


def percentile(price: int, lows: Sequence[int], fewest: int) -> int | None:
    """Where `price` stands among the sorted hourly `lows`: 0 below all, 100 above all.

    None when there are fewer than `fewest`: too little to compare with. Prices that are equal
    count half; the result is rounded half to even.
    """
    if len(lows) < fewest:
        return None
    lower = bisect_left(lows, price)
    equal = bisect_right(lows, price) - lower
    return divided(100 * (2 * lower + equal), 2 * len(lows))
