"""Windows, rows and points: which buckets are shown, and what of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gpu_shopper.core import price_rows
from gpu_shopper.core.price_book import Book
from gpu_shopper.core.price_rows import (
    Period,
    Point,
    Row,
    RowKey,
    Window,
    fitting,
    merged,
    rows_of,
    rows_with,
    size,
)
from gpu_shopper.core.prices import Cell, Quote, Series
from tests.builders import NOON, later

SERIES = Series("RTX 4090", 1)
OTHER = Series("A40", 2)
HALF_PAST = later(1_800)


def quoted(cheapest: int, median: int, offers: int = 1) -> dict[Series, Quote]:
    return {SERIES: Quote(cheapest, median, offers)}


def points(book: Book, window: Window, series: Series = SERIES) -> list[Point]:
    rows = all_rows(book)
    return list(price_rows.points(window.buckets("vastai", rows), series, rows))


def all_rows(book: Book) -> dict[RowKey, Row]:
    days = book.days.items()
    return merged(*(rows_of("vastai", on, day, period) for on, day in days for period in Period))


def hourly(days: int = 1, to: datetime = HALF_PAST) -> Window:
    return Window(period=Period.HOURLY, days=days, to=to)


def daily(days: int = 1, to: datetime = HALF_PAST) -> Window:
    return Window(period=Period.DAILY, days=days, to=to)


def test_a_bucket_without_a_snapshot_has_no_point_and_one_without_offers_has() -> None:
    """N-72: none offered and not observed differ."""
    book = Book().counted(NOON - timedelta(hours=3), quoted(4, 5)).counted(later(1), {})
    first, second = points(book, hourly())
    assert (first.bucket.at.hour, first.cell) == (9, Cell(4, 5, 1, 1, 1))
    assert (second.bucket.at.hour, second.cell, second.bucket.snapshots) == (12, None, 1)


def test_hours_before_a_series_was_first_on_offer_have_points_without_prices() -> None:
    """N-72: the provider was observed, and did not offer it."""
    book = Book().counted(NOON - timedelta(hours=1), {}).counted(NOON, quoted(4, 5))
    assert [point.cell for point in points(book, hourly())] == [None, Cell(4, 5, 1, 1, 1)]


def test_only_the_running_bucket_is_incomplete() -> None:
    """N-72: to the instant at which it ends."""
    book = Book().counted(NOON - timedelta(hours=1), quoted(4, 5)).counted(NOON, quoted(4, 5))
    assert [point.bucket.complete for point in points(book, hourly())] == [True, False]
    assert [point.bucket.complete for point in points(book, hourly(to=later(3_600)))] == [
        True,
        True,
    ]
    assert [point.bucket.complete for point in points(book, daily())] == [False]
    midnight = NOON + timedelta(hours=12)
    assert [point.bucket.complete for point in points(book, daily(2, midnight))] == [True]


def test_a_day_s_point_is_made_from_all_its_snapshots() -> None:
    """N-72: the medians 10 ×3 of one hour and 90, 50 of others give 10, not 50."""
    book = Book()
    for minute, price in enumerate((10, 10, 10)):
        book = book.counted(later(60 * minute), quoted(price, price))
    book = book.counted(later(3_600), quoted(90, 90)).counted(later(7_200), quoted(50, 50, 7))
    book = book.counted(later(7_260), {})
    (point,) = points(book, daily(to=later(8_000)))
    assert point.bucket.at == datetime(2026, 2, 7, tzinfo=UTC)
    assert (point.cell, point.bucket.snapshots) == (Cell(10, 10, 11, 7, 5), 6)


def test_a_series_shows_nothing_of_another() -> None:
    book = Book().counted(NOON, {SERIES: Quote(4, 5, 1), OTHER: Quote(8, 9, 2)})
    assert [point.cell for point in points(book, hourly(), OTHER)] == [Cell(8, 9, 2, 2, 1)]


@pytest.mark.parametrize("to", [NOON, HALF_PAST, NOON + timedelta(minutes=59, seconds=59)])
@pytest.mark.parametrize("days", [1, 2, 90])
def test_a_window_of_hours_has_24_of_them_a_day_and_ends_with_the_running_one(
    days: int, to: datetime
) -> None:
    window = hourly(days, to)
    starts = [NOON - timedelta(hours=n) for n in range(-1, days * 24 + 1)]
    inside = [at for at in starts if window.holds(at)]
    assert (len(inside), inside[0]) == (days * 24, NOON)
    assert window.since == to - timedelta(hours=24 * days)


@pytest.mark.parametrize("hour", [0, 12, 23])
@pytest.mark.parametrize("days", [1, 7, 90])
def test_a_window_of_days_has_so_many_with_today(days: int, hour: int) -> None:
    midnight = datetime(2026, 2, 7, tzinfo=UTC)
    window = daily(days, midnight + timedelta(hours=hour))
    starts = [midnight - timedelta(days=n) for n in range(-1, days + 1)]
    inside = [at for at in starts if window.holds(at)]
    assert (len(inside), inside[0], inside[-1]) == (days, midnight, window.since)


def test_the_rows_of_a_window_are_those_of_its_days_or_months() -> None:
    spans = [key.span for key in hourly(2).keys("vastai", SERIES)]
    assert spans == ["2026-02-05", "2026-02-06", "2026-02-07"]
    spans = [key.span for key in daily(40).keys("vastai", SERIES)]
    assert spans == ["2025-12", "2026-01", "2026-02"]


def test_a_day_fills_its_hours_and_its_place_in_the_month() -> None:
    """N-72: for the series, and for how often the provider was observed."""
    book = Book().counted(NOON, quoted(4, 5)).counted(later(60), {})
    assert all_rows(book) == {
        RowKey("vastai", None, Period.HOURLY, "2026-02-07"): {12: (2,)},
        RowKey("vastai", None, Period.DAILY, "2026-02"): {7: (2,)},
        RowKey("vastai", SERIES, Period.HOURLY, "2026-02-07"): {12: Cell(4, 5, 1, 1, 1)},
        RowKey("vastai", SERIES, Period.DAILY, "2026-02"): {7: Cell(4, 5, 1, 1, 1)},
    }
    on, day = NOON.date(), book.days[NOON.date()]
    for period in Period:
        assert [key.series for key in rows_of("vastai", on, day, period, {OTHER})] == [None]


def test_merging_a_day_s_rows_twice_counts_it_once() -> None:
    """N-72: a place is filled, never added up."""
    rows = all_rows(Book().counted(NOON, quoted(4, 5)))
    assert merged(rows, rows) == merged(rows) == rows
    other = all_rows(Book().counted(NOON + timedelta(days=1), quoted(4, 5)))
    month = RowKey("vastai", SERIES, Period.DAILY, "2026-02")
    assert set(merged(rows, other)[month]) == {7, 8}


@pytest.mark.parametrize(
    ("sizes", "limit", "most", "fit"),
    [
        ([], 50, 20_000, 0),
        ([7] * 60, 50, 20_000, 50),
        ([2_160] * 60, 50, 20_000, 9),
        ([10, 10, 10], 3, 30, 3),
        ([10, 10, 10], 3, 29, 2),
        ([50, 1], 3, 10, 1),
        ([0, 0], 3, 10, 2),
    ],
)
def test_a_page_ends_at_its_limit_or_before_it_holds_too_many_points(
    sizes: list[int], limit: int, most: int, fit: int
) -> None:
    """N-72: but never without a series while there are some."""
    assert fitting(sizes, limit, most) == fit


def sized(window: Window, *snapshots: datetime) -> int:
    book = Book()
    for at in snapshots:
        book = book.counted(at, {})
    return size(window.buckets("vastai", all_rows(book)))


def test_a_series_is_as_large_as_it_has_points_in_the_window() -> None:
    """N-72: what lies outside does not count, nor does what was not observed."""
    hours = [NOON - timedelta(hours=n) for n in range(47, -1, -1)]
    assert sized(hourly(1), *hours) == 24
    assert sized(hourly(90), *hours) == 48
    assert sized(hourly(90)) == 0


def test_nearly_empty_rows_count_as_eight_points() -> None:
    """N-72: a history of one hour a day must not make a page of thousands of reads."""
    days = [NOON - timedelta(days=n) for n in range(9, -1, -1)]
    assert sized(hourly(90), *days) == 80
    assert sized(daily(90), *days) == 16


def test_a_series_has_its_figures_in_the_rows_of_the_buckets_only() -> None:
    book = Book().counted(NOON - timedelta(days=5), {}).counted(NOON, {})
    found = hourly(90).buckets("vastai", all_rows(book))
    assert [key.span for key in rows_with(found, SERIES)] == ["2026-02-02", "2026-02-07"]
    assert {key.series for key in rows_with(found, SERIES)} == {SERIES}
