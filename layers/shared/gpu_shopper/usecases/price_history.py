"""Writing price history: each complete snapshot is counted once, and days that are over are filed.

The offers come first: whatever goes wrong here is told as a fact and stops no refresh. A snapshot
that was published but not counted, because its run died or the book could not be written, is
counted by the run after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from gpu_shopper.core.inventory import ProviderView
from gpu_shopper.core.menu import standing
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.price_book import Book, percentiles
from gpu_shopper.core.price_rows import Period, merged, rows_of
from gpu_shopper.core.prices import quotes
from gpu_shopper.errors import Conflict
from gpu_shopper.store.price_books import Opened, open_book, save_book
from gpu_shopper.store.price_rows import add_rows
from gpu_shopper.usecases.deps import Deps, Fact

TRIES = 3


def percentiles_of(
    deps: Deps, provider: str, offers: Iterable[Offer], fetched_at: datetime
) -> Mapping[str, int]:
    """Offer id → where its price stands among those of the last 7 days; empty if not known."""
    with _second_to_offers(deps, provider):
        book = open_book(deps.inventory.bucket, provider).book
        return percentiles(book, offers, fetched_at, deps.settings.price_percentile_points)
    return {}


def count_snapshots(deps: Deps, provider: str, views: Sequence[ProviderView]) -> None:
    """Count the snapshots of these views, oldest first, each unless it has been counted."""
    with _second_to_offers(deps, provider):
        opened = _counted(deps, provider, views)
        _file(deps, provider, opened)


def _counted(deps: Deps, provider: str, views: Sequence[ProviderView]) -> Opened:
    """The book with these snapshots. Raises Conflict after three lost writes."""
    for _ in range(TRIES):
        opened = open_book(deps.inventory.bucket, provider)
        book = _with(deps, opened.book, views)
        if book is opened.book:
            return opened
        try:
            return save_book(deps.inventory.bucket, provider, book, opened.version)
        except Conflict:
            continue
    raise Conflict("lost a concurrent write three times")


def _with(deps: Deps, book: Book, views: Sequence[ProviderView]) -> Book:
    for view in views:
        snapshot = view.snapshot
        if snapshot is not None and not book.has_counted(snapshot.fetched_at):
            offers = standing(view, deps.now(), deps.settings)
            book = book.counted(snapshot.fetched_at, quotes(offers))
    return book


def _file(deps: Deps, provider: str, opened: Opened) -> None:
    """Turn days that are over into rows, then take them out of the book.

    Only a day of a book that is stored is filed: nothing can be added to it any more, so whoever
    files it, and however often, writes the same.
    """
    over = opened.book.over()
    if not over:
        return
    rows = merged(
        *(rows_of(provider, on, opened.book.days[on], period) for on in over for period in Period)
    )
    add_rows(deps.prices, rows, deps.settings)
    book = opened.book.filed(over, deps.settings.price_hourly_keep_days)
    with suppress(Conflict):  # whoever wrote in between finds the day still there, and files it
        save_book(deps.inventory.bucket, provider, book, opened.version)


@contextmanager
def _second_to_offers(deps: Deps, provider: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # noqa: BLE001  even a defect here must not keep offers from callers
        deps.note(
            Fact(
                "price_history_failed",
                provider=provider,
                reason=type(exc).__name__,
                metrics={"PriceHistoryFailures": 1.0},
                details={"error": str(exc)[:200]},
            )
        )
