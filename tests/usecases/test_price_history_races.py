"""Whatever overlaps, dies or fails while history is written, each snapshot counts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gpu_shopper.core.inventory import ProviderView
from gpu_shopper.core.price_rows import Period
from gpu_shopper.core.prices import Cell
from gpu_shopper.errors import Conflict
from gpu_shopper.store import fetches
from gpu_shopper.store import inventory as inventory_store
from gpu_shopper.store.price_books import open_book, save_book
from gpu_shopper.usecases.inventory import get_offer
from gpu_shopper.usecases.price_history import count_snapshots
from tests.builders import NOON
from tests.usecases.histories import DAY_S, HOUR_S, book, failed, meddle, points, refreshed
from tests.world import World


def test_runs_that_overlap_lose_nothing_and_count_nothing_twice(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: the next run fetches, publishes and counts while this one is about to write."""
    meddle(monkeypatch, "save_book", lambda *_: refreshed(empty, 500_000))
    refreshed(empty, 300_000)
    (point,) = points(empty)
    assert (point.bucket.snapshots, point.cell) == (2, Cell(300_000, 400_000, 2, 1, 2))
    assert failed(empty) == []


def test_the_lease_is_over_before_history_is_written(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: and the snapshot is already what callers see."""
    taken = []

    def take(*_: Any) -> None:
        table = empty.deps.inventory.table
        taken.append(
            fetches.take_lease(table, inventory_store.feed_of("vastai"), empty.clock.at, 300)
        )
        assert get_offer(empty.deps, "vastai", "vastai-1").offer.price_microusd_per_hour == 300_000

    meddle(monkeypatch, "save_book", take)
    refreshed(empty, 300_000)
    assert taken == [True]


def test_history_that_cannot_be_written_stops_no_offers_and_is_told(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: once per refresh, with a metric; the next refresh counts what is missing."""

    def lose(*_: Any) -> None:
        raise Conflict("always")

    meddle(monkeypatch, "save_book", lose, times=3)
    refreshed(empty, 300_000)
    assert failed(empty) == ["Conflict"]
    (fact,) = [fact for fact in empty.facts if fact.operation == "price_history_failed"]
    assert (fact.provider, dict(fact.metrics)) == ("vastai", {"PriceHistoryFailures": 1.0})
    refreshed(empty, 500_000)
    assert failed(empty) == ["Conflict"]
    (point,) = points(empty)
    assert point.bucket.snapshots == 2


def test_a_book_that_nobody_can_read_leaves_offers_without_a_place(empty: World) -> None:
    """N-73: nothing is written over it either."""
    key = "prices/vastai.json.gz"
    empty.deps.inventory.bucket.put_object(Key=key, Body=b"nonsense")
    refreshed(empty, 300_000)
    assert failed(empty) == ["BadGzipFile", "BadGzipFile"]
    assert get_offer(empty.deps, "vastai", "vastai-1").price_percentile is None
    assert empty.deps.inventory.bucket.Object(key).get()["Body"].read() == b"nonsense"


def test_a_run_that_dies_while_it_files_a_day_leaves_that_to_the_next(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: the new day is counted meanwhile, and nothing is there twice."""
    refreshed(empty, 300_000)

    def die(*_: Any) -> None:
        raise RuntimeError("killed")

    meddle(monkeypatch, "add_rows", die)
    refreshed(empty, 500_000, after_s=DAY_S)
    assert failed(empty) == ["RuntimeError"]
    assert len(book(empty).days) == 2
    between = points(empty, days=2)
    refreshed(empty, 500_000)
    assert len(book(empty).days) == 1
    after = points(empty, days=2)
    assert [point.cell for point in after] == [
        Cell(300_000, 300_000, 1, 1, 1),
        Cell(500_000, 500_000, 2, 1, 2),
    ]
    assert between[0] == after[0]


def test_a_run_with_an_old_book_cannot_file_a_day_that_has_grown_since(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: only a day of a stored book is filed."""
    refreshed(empty, 300_000)
    view = inventory_store.view(empty.deps.inventory, empty.deps.snapshots, "vastai")
    late = _refetched(view, NOON + timedelta(days=1))
    meddle(monkeypatch, "save_book", lambda *_: refreshed(empty, 100_000, after_s=HOUR_S))
    count_snapshots(empty.deps, "vastai", [late])
    empty.clock.at = NOON + timedelta(days=1, minutes=1)
    day, _ = points(empty, Period.DAILY, days=2)
    assert (day.bucket.snapshots, day.cell) == (2, Cell(100_000, 200_000, 2, 1, 2))


def _refetched(view: ProviderView, at: datetime) -> ProviderView:
    assert view.snapshot is not None
    return replace(view, snapshot=replace(view.snapshot, fetched_at=at))


def test_whoever_loses_the_race_to_file_a_day_reports_no_failure(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: the winner finds the day in the book, and files it."""
    refreshed(empty, 300_000)

    def rewrite(*_: Any) -> None:
        opened = open_book(empty.deps.inventory.bucket, "vastai")
        other = replace(opened.book, through=empty.clock.at + timedelta(seconds=1))
        save_book(empty.deps.inventory.bucket, "vastai", other, opened.version)

    meddle(monkeypatch, "add_rows", rewrite)
    refreshed(empty, 500_000, after_s=DAY_S)
    assert failed(empty) == []
    assert len(book(empty).days) == 2
    refreshed(empty, 500_000)
    assert len(book(empty).days) == 1
