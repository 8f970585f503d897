"""Reading price history: one page of series, each with its points.

What is over comes from the table's rows, what is not from the providers' open books. The books are
read first: a day that leaves its book meanwhile has been written as rows before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpu_shopper.core.menu import folded
from gpu_shopper.core.price_book import Book
from gpu_shopper.core.price_rows import (
    Point,
    Row,
    RowKey,
    Window,
    fitting,
    merged,
    points,
    rows_of,
    rows_with,
    size,
)
from gpu_shopper.core.prices import Series
from gpu_shopper.store.price_books import open_book
from gpu_shopper.store.price_rows import read_rows
from gpu_shopper.usecases.deps import Deps

type Line = tuple[Series, str]
"""A series and its provider: one line of a list, and lists are in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which series to show; None wants all."""

    providers: tuple[str, ...]
    gpu_type: str | None = None
    gpu_count: int | None = None

    def has(self, series: Series) -> bool:
        """The GPU type is matched as in the inventory, the number exactly."""
        type_fits = folded(self.gpu_type or "") in folded(series.gpu_type)
        return type_fits and self.gpu_count in (None, series.gpu_count)


@dataclass(frozen=True, slots=True)
class History:
    """One series with its points, oldest first."""

    provider: str
    series: Series
    points: list[Point]


@dataclass(frozen=True, slots=True)
class PricePage:
    """Series in order, and the last one of the page when there are more."""

    histories: list[History]
    last: Line | None


def list_prices(
    deps: Deps, wanted: Wanted, window: Window, after: Line | None, limit: int
) -> PricePage:
    """One page of history: at most `limit` series, and not more points than the settings allow."""
    books = {name: open_book(deps.inventory.bucket, name).book for name in wanted.providers}
    observed = _rows(deps, books, [key for name in books for key in window.keys(name, None)])
    buckets = {name: window.buckets(name, observed) for name in books}
    sizes = {name: size(found) for name, found in buckets.items()}
    lines = sorted(_lines(books, wanted, after))
    fit = fitting([sizes[name] for _, name in lines], limit, deps.settings.price_page_points)
    page = lines[:fit]
    keys = [key for series, name in page for key in rows_with(buckets[name], series)]
    rows = _rows(deps, books, keys)
    return PricePage(
        histories=[
            History(name, series, list(points(buckets[name], series, rows)))
            for series, name in page
        ],
        last=page[-1] if fit < len(lines) else None,
    )


def _lines(books: Mapping[str, Book], wanted: Wanted, after: Line | None) -> Iterator[Line]:
    for provider, book in books.items():
        for series in book.known:
            if wanted.has(series) and (after is None or (series, provider) > after):
                yield series, provider


def _rows(deps: Deps, books: Mapping[str, Book], keys: Sequence[RowKey]) -> dict[RowKey, Row]:
    """These rows, with what is still in the books."""
    series = {key.series for key in keys if key.series}
    filed = read_rows(deps.prices, keys)
    still_open = [
        rows_of(provider, on, day, period, series)
        for provider, book in books.items()
        for on, day in book.days.items()
        for period in {key.period for key in keys}
    ]
    whole = merged(filed, *still_open)
    return {key: whole[key] for key in keys if key in whole}
