"""The open book: each snapshot once, days that are over, the week that offers are compared with."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from gpu_shopper.core.price_book import Book, percentiles
from gpu_shopper.core.prices import Quote, Series
from tests.builders import NOON, an_offer

SERIES = Series("RTX 4090", 1)
TODAY = NOON.date()
KEEP_DAYS = 90


def quoted(price: int, offers: int = 1) -> dict[Series, Quote]:
    return {SERIES: Quote(price, price, offers)}


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def with_hours(number: int, price: int, until: datetime) -> Book:
    """A book with one snapshot in each of the `number` hours before `until`, filed day by day."""
    book = Book()
    for hour in range(number, 0, -1):
        book = book.counted(until - timedelta(hours=hour), quoted(price))
        book = book.filed(book.over(), KEEP_DAYS)
    return book


def placed(book: Book, at: datetime, price: int = 400_000, fewest: int = 24) -> int | None:
    offer = an_offer(price_microusd_per_hour=price)
    return percentiles(book, [offer], at, fewest).get(offer.id)


def test_a_snapshot_counts_in_the_hour_in_which_its_fetch_began() -> None:
    book = Book().counted(minutes(59.9), quoted(1)).counted(minutes(60), quoted(2))
    assert book.days[TODAY].snapshots == {12: 1, 13: 1}
    assert book.days[TODAY].tallies[13][SERIES].cheapest == 2


def test_a_snapshot_written_twice_counts_once() -> None:
    """N-72: also when another came in between."""
    first = Book().counted(NOON, quoted(5))
    assert first.counted(NOON, quoted(5)) is first
    second = first.counted(minutes(1), quoted(6))
    assert second.counted(NOON, quoted(5)) is second
    assert second.days[TODAY].snapshots == {12: 2}


def test_a_snapshot_without_offers_is_counted_too() -> None:
    """N-72: none on offer is not the same as not observed."""
    book = Book().counted(NOON, quoted(5)).counted(minutes(1), {})
    assert book.days[TODAY].snapshots == {12: 2}
    assert book.days[TODAY].tallies[12][SERIES].offers == 1


def test_only_days_before_that_of_the_newest_snapshot_are_over() -> None:
    book = Book().counted(NOON, quoted(5))
    assert book.over() == []
    for day in (1, 2):
        book = book.counted(NOON + timedelta(days=day), quoted(5))
    assert book.over() == [TODAY, TODAY + timedelta(days=1)]


def test_a_filed_day_leaves_the_book_but_for_its_lows() -> None:
    book = Book().counted(NOON, quoted(5)).counted(NOON + timedelta(days=1), quoted(6))
    left = book.filed([TODAY], KEEP_DAYS)
    assert list(left.days) == [TODAY + timedelta(days=1)]
    assert left.lows[TODAY][SERIES][12] == 5
    assert left.filed([TODAY], KEEP_DAYS) == left


def test_lows_older_than_a_week_are_dropped() -> None:
    """168 hours before the last hour of today begin seven days ago, and not eight."""
    book = with_hours(10 * 24, 5, NOON)
    assert sorted(book.lows) == [TODAY - timedelta(days=n) for n in range(7, 0, -1)]


def test_a_series_is_known_for_90_days_after_it_was_on_offer() -> None:
    def left_after(days: int) -> set[Series]:
        at = NOON + timedelta(days=days)
        book = Book().counted(NOON, quoted(5)).counted(at, {})
        return set(book.filed([TODAY], KEEP_DAYS).known)

    assert left_after(90) == {SERIES}
    assert left_after(91) == set()


def test_a_price_needs_24_complete_hours_to_be_placed() -> None:
    """N-73: the running hour is none."""
    assert placed(with_hours(24, 400_000, NOON), NOON) == 50
    short = with_hours(23, 400_000, NOON)
    assert placed(short, NOON) is None
    running = short.counted(minutes(1), quoted(400_000))
    assert placed(running, minutes(2)) is None
    assert placed(running, minutes(59.9)) is None
    assert placed(running, minutes(60)) == 50


@pytest.mark.parametrize(("price", "place"), [(390_000, 0), (400_000, 50), (410_000, 100)])
def test_an_offer_is_placed_among_24_points_of_its_own_series(price: int, place: int) -> None:
    """N-73."""
    assert placed(with_hours(24, 400_000, NOON), NOON, price) == place


def test_an_offer_of_another_type_or_number_of_gpus_is_not_placed() -> None:
    """N-73: nor is one of a series without a history."""
    book = with_hours(24, 400_000, NOON)
    others = [an_offer(gpu_count=2), an_offer(gpu_type="A40")]
    assert percentiles(book, others, NOON, 24) == {}


def test_the_last_168_complete_hours_count_and_no_hour_before() -> None:
    """N-73: to the hour, over days that are filed and one that is not."""
    dear = with_hours(168, 900_000, NOON)
    assert len(dear.lows) == 7
    assert placed(dear, NOON, 800_000, fewest=168) == 0
    assert placed(dear, minutes(59.9), 800_000, fewest=168) == 0
    assert placed(dear, minutes(60), 800_000, fewest=168) is None
    assert placed(dear, minutes(60), 800_000, fewest=167) == 0


def test_a_day_that_is_over_and_not_filed_yet_counts_as_much() -> None:
    """N-73: whether rows were written makes no difference to a price's place."""
    book = Book()
    for hour in range(24, 0, -1):
        book = book.counted(NOON - timedelta(hours=hour), quoted(400_000))
    assert list(book.days) == [date(2026, 2, 6), TODAY]
    assert placed(book, NOON, 410_000) == placed(book.filed(book.over(), 90), NOON, 410_000) == 100


def test_hours_in_which_nothing_was_on_offer_are_no_points() -> None:
    """N-73: 23 points and an empty hour are 23 points."""
    book = with_hours(23, 400_000, NOON).counted(NOON, {})
    assert placed(book, minutes(60)) is None
