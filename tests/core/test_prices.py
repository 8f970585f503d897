"""Quotes, tallies, medians and percentiles: what snapshots say of the market."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from statistics import median_high, median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.money import divided
from gpu_shopper.core.prices import Cell, Quote, Series, Tally, median, percentile, quotes
from tests.builders import an_offer

prices = st.integers(1, 10**9)
many_quotes = st.lists(st.builds(Quote, prices, prices, st.integers(1, 500)), min_size=1)


def test_a_snapshot_gives_one_quote_for_each_gpu_type_and_number_of_gpus() -> None:
    """N-72: prices are those of whole offers, with their default disk."""
    market = [
        an_offer(id="vastai-1", price_microusd_per_hour=500_000),
        an_offer(id="vastai-2", price_microusd_per_hour=300_000),
        an_offer(id="vastai-3", price_microusd_per_hour=400_000),
        an_offer(id="vastai-4", gpu_count=2, price_microusd_per_hour=900_000),
        an_offer(id="vastai-5", gpu_type="A40", price_microusd_per_hour=1),
    ]
    assert quotes(market) == {
        Series("RTX 4090", 1): Quote(cheapest=300_000, median=400_000, offers=3),
        Series("RTX 4090", 2): Quote(cheapest=900_000, median=900_000, offers=1),
        Series("A40", 1): Quote(cheapest=1, median=1, offers=1),
    }
    assert quotes([]) == {}


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([7], 7),
        ([1, 9, 5], 5),
        ([1, 2, 3, 10], 2),  # 2.5 to even
        ([1, 3, 4, 10], 4),  # 3.5 to even
        ([400_000, 500_000], 450_000),
        ([1, 1, 1, 100], 1),
    ],
)
def test_the_median_of_an_even_count_is_the_mean_of_the_middle_two(
    values: list[int], middle: int
) -> None:
    """N-72: rounded half to even."""
    assert median(Counter(values)) == middle


@given(st.lists(prices, min_size=1))
def test_the_median_is_that_of_the_values_laid_out_one_by_one(values: list[int]) -> None:
    assert median(Counter(values)) == divided(median_low(values) + median_high(values), 2)


def test_an_hour_takes_the_lowest_price_and_the_median_of_the_snapshots_medians() -> None:
    """N-72: not the median of all offers of the hour."""
    seen = [Quote(3, 10, 1), Quote(1, 40, 9), Quote(2, 20, 2)]
    assert reduce(Tally.plus, map(Tally.of, seen)).settled() == Cell(
        cheapest=1, median=20, offers=12, most=9, offered_in=3
    )


def test_a_day_is_made_from_its_snapshots_and_not_from_its_hours_medians() -> None:
    """N-72: hours of unequal length have unequal weight."""
    long = reduce(Tally.plus, (Tally.of(Quote(10, 10, 1)) for _ in range(59)))
    short = [Tally.of(Quote(90, 90, 1)), Tally.of(Quote(50, 50, 1))]
    assert reduce(Tally.plus, [long, *short]).settled().median == 10


@given(many_quotes, many_quotes)
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole(
    first: list[Quote], second: list[Quote]
) -> None:
    parts = [reduce(Tally.plus, map(Tally.of, part)) for part in (first, second)]
    whole = reduce(Tally.plus, map(Tally.of, first + second))
    assert parts[0].plus(parts[1]) == parts[1].plus(parts[0]) == whole
    assert whole.settled().median == median(Counter(one.median for one in first + second))


@pytest.mark.parametrize(("price", "place"), [(390_000, 0), (400_000, 50), (410_000, 100)])
def test_a_price_is_placed_among_the_hourly_lows(price: int, place: int) -> None:
    """N-73: 24 hourly points of 0.40."""
    assert percentile(price, [400_000] * 24, 24) == place


def test_fewer_than_24_points_place_no_price() -> None:
    """N-73."""
    assert percentile(400_000, [400_000] * 23, 24) is None


@pytest.mark.parametrize(
    ("price", "place"), [(1, 2), (2, 8), (3, 12), (19, 92), (20, 98), (21, 100), (0, 0)]
)
def test_equal_prices_count_half_and_the_place_is_rounded_half_to_even(
    price: int, place: int
) -> None:
    """N-73: of twenty different points 2.5, 7.5, 12.5, … 97.5."""
    assert percentile(price, list(range(1, 21)), 20) == place
