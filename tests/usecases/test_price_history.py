"""History as refreshes write it, and the place of an offer's price in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gpu_shopper.core.failures import Suppression
from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.core.price_rows import Period, Window
from gpu_shopper.core.prices import Cell
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.store import failures
from gpu_shopper.store import inventory as inventory_store
from gpu_shopper.usecases import refresh
from gpu_shopper.usecases.inventory import get_offer, list_offers
from gpu_shopper.usecases.price_history import count_snapshots
from gpu_shopper.usecases.prices import Wanted, list_prices
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import NOON, an_offer
from tests.fakes import FakeProvider
from tests.usecases.histories import DAY_S, HOUR_S, book, points, refreshed
from tests.world import World


def test_each_complete_refresh_adds_cheapest_median_and_number_of_offers(empty: World) -> None:
    """N-72: the hour's cheapest is the lowest, its median that of the medians."""
    refreshed(empty, 500_000, 300_000, 400_000)
    refreshed(empty, 600_000)
    refreshed(empty, 200_000, 900_000)
    (point,) = points(empty)
    assert point.cell == Cell(200_000, 550_000, offers=6, most=3, offered_in=3)
    assert (point.bucket.snapshots, point.bucket.complete) == (3, False)


def test_a_failed_refresh_leaves_no_trace(empty: World) -> None:
    """N-72: nor does one that took too long, or that another has overtaken."""
    refreshed(empty, 400_000)
    before = book(empty)
    empty.clock.tick(60)
    empty.vast.errors["list_offers"] = [BadProviderReply("half a page")]
    assert refresh_inventory(empty.deps, "vastai").error == "bad_provider_reply"
    empty.vast.errors.clear()
    empty.clock.tick(HOUR_S)
    empty.vast.before["list_offers"] = lambda: empty.clock.tick(241)
    assert refresh_inventory(empty.deps, "vastai").error == "provider_error"
    empty.clock.tick(HOUR_S)
    empty.vast.before["list_offers"] = lambda: _publish_later(empty)
    assert refresh_inventory(empty.deps, "vastai").error == "overtaken"
    assert book(empty) == before


def _publish_later(world: World) -> None:
    world.clock.tick(10)
    world.publish()
    world.clock.tick(-10)


def test_withdrawn_and_suppressed_offers_do_not_count(empty: World) -> None:
    """N-72: available and non-suppressed offers only."""
    deps = empty.deps
    hidden = Suppression(
        offer_id="vastai-1", machine_id=None, at=NOON, until=NOON + timedelta(hours=1)
    )
    failures.suppress(deps.inventory.table, "vastai", hidden)
    empty.vast.before["list_offers"] = lambda: inventory_store.withdraw(
        deps.inventory.table, "vastai", "vastai-2", empty.clock.at, 3_600
    )
    refreshed(empty, 100_000, 200_000, 900_000)
    (point,) = points(empty)
    assert point.cell == Cell(900_000, 900_000, 1, 1, 1)
    refreshed(empty, 100_000, 200_000, 900_000)
    (point,) = points(empty)
    assert point.cell is not None
    assert (point.cell.cheapest, point.cell.most) == (200_000, 2)


def test_an_empty_market_is_observed_too(empty: World) -> None:
    """N-72: availability counts the snapshots in which nothing was on offer."""
    refreshed(empty, 400_000)
    refreshed(empty)
    (point,) = points(empty)
    assert (point.bucket.snapshots, point.cell) == (2, Cell(400_000, 400_000, 1, 1, 1))
    refreshed(empty, after_s=HOUR_S)
    last = points(empty)[-1]
    assert (last.bucket.snapshots, last.cell) == (1, None)


def test_a_snapshot_that_is_counted_twice_counts_once(empty: World) -> None:
    """N-72."""
    refreshed(empty, 400_000)
    before = book(empty)
    view = inventory_store.view(empty.deps.inventory, empty.deps.snapshots, "vastai")
    count_snapshots(empty.deps, "vastai", [view, view])
    assert book(empty) == before


def test_a_snapshot_whose_run_died_before_it_counted_is_counted_by_the_next(
    empty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: in the hour in which it was fetched."""
    monkeypatch.setattr(refresh, "count_snapshots", lambda *_: None)
    refreshed(empty, 300_000)
    monkeypatch.undo()
    refreshed(empty, 500_000, after_s=HOUR_S)
    assert [point.cell for point in points(empty)] == [
        Cell(300_000, 300_000, 1, 1, 1),
        Cell(500_000, 500_000, 1, 1, 1),
    ]


def test_a_day_that_is_over_becomes_rows_and_tells_the_same(empty: World) -> None:
    """N-72: hours and day alike, before and after."""
    refreshed(empty, 300_000)
    refreshed(empty, 500_000, 700_000, after_s=HOUR_S)
    refreshed(empty)
    yesterday = NOON + timedelta(hours=11, minutes=59)
    empty.clock.at = yesterday
    before = [points(empty), points(empty, Period.DAILY)]
    refreshed(empty, 900_000, after_s=HOUR_S)
    assert list(book(empty).days) == [empty.clock.at.date()]
    empty.clock.at = yesterday
    assert [points(empty), points(empty, Period.DAILY)] == before
    (day,) = before[1]
    assert (day.bucket.snapshots, day.cell) == (3, Cell(300_000, 450_000, 3, 2, 2))


def test_after_a_silence_of_days_hours_without_a_snapshot_have_no_point(empty: World) -> None:
    """N-72: absent, not null."""
    refreshed(empty, 300_000)
    refreshed(empty, 500_000, after_s=5 * DAY_S)
    assert [point.bucket.at.day for point in points(empty, Period.DAILY, days=7)] == [7, 12]
    assert len(points(empty, days=7)) == 2


def _hours_at(world: World, number: int, price: int) -> None:
    """One refresh an hour, at the same price, the last one just before the running hour."""
    for _ in range(number):
        refreshed(world, price, after_s=HOUR_S)
    world.clock.tick(HOUR_S)


@pytest.mark.parametrize(
    ("hours", "price", "place"),
    [
        (24, 390_000, 0),
        (24, 400_000, 50),
        (24, 410_000, 100),
        (23, 400_000, None),
    ],
)
def test_an_offer_s_price_is_placed_among_those_of_the_hours_before(
    empty: World, hours: int, price: int, place: int | None
) -> None:
    """N-73: computed at the refresh, the same in list and single lookup."""
    _hours_at(empty, hours, 400_000)
    refreshed(empty, price, after_s=0)
    menu = list_offers(empty.deps, ("vastai",), Filters(), Sort.PRICE, 10, 0)
    assert [one.price_percentile for one in menu.page] == [place]
    assert get_offer(empty.deps, "vastai", "vastai-1").price_percentile == place


def test_an_offer_keeps_its_place_until_the_next_refresh(empty: World) -> None:
    """N-73: the hour that ends meanwhile does not move it."""
    _hours_at(empty, 23, 400_000)
    empty.clock.tick(-HOUR_S)
    refreshed(empty, 410_000)
    assert get_offer(empty.deps, "vastai", "vastai-1").price_percentile is None
    empty.clock.tick(HOUR_S / 6)
    assert get_offer(empty.deps, "vastai", "vastai-1").price_percentile is None


def test_each_provider_has_a_history_of_its_own(empty: World) -> None:
    """N-72: series of the same GPU are not thrown together."""
    dock = FakeProvider("tensordock", offers=[an_offer(provider="tensordock")])
    deps = replace(
        empty.deps,
        enabled_providers=("vastai", "tensordock"),
        provider=lambda name: dock if name == "tensordock" else empty.vast,
    )
    refreshed(empty, 300_000)
    refresh_inventory(deps, "tensordock")
    window = Window(period=Period.DAILY, days=1, to=empty.clock.at)
    page = list_prices(deps, Wanted(providers=deps.enabled_providers), window, None, 50)
    found = [(one.provider, one.points[0].cell) for one in page.histories]
    assert found == [
        ("tensordock", Cell(400_000, 400_000, 1, 1, 1)),
        ("vastai", Cell(300_000, 300_000, 1, 1, 1)),
    ]
