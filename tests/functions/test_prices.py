"""GET /prices: what is shown, what is asked for wrongly, pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.price_book import Book
from gpu_shopper.core.prices import Quote, Series
from gpu_shopper.store.price_books import open_book, save_book
from gpu_shopper.store.price_rows import read_rows
from gpu_shopper.usecases import prices as price_cases
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import NOON, an_offer
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client
from tests.world import World

PATH = "/api/v1/prices"
HOUR = timedelta(hours=1)
MARKET = [
    an_offer(id="vastai-1", price_microusd_per_hour=400_000),
    an_offer(id="vastai-2", price_microusd_per_hour=500_000),
    an_offer(id="vastai-3", gpu_type="A40", price_microusd_per_hour=300_000),
    an_offer(id="vastai-4", gpu_count=2, price_microusd_per_hour=900_001),
    an_offer(id="vastai-5", gpu_count=10, price_microusd_per_hour=4_000_000),
]


@pytest.fixture
def watched(wired: World) -> World:
    """Two refreshes: one of the whole market, one that found a single A40."""
    table = wired.deps.inventory.table
    table.delete_item(Key={"pk": "PROVIDER#vastai", "sk": "POINTER"})
    for market in (MARKET, [MARKET[2]._replace(price_microusd_per_hour=600_001)]):
        wired.clock.tick(60)
        wired.vast.offers = market
        refresh_inventory(wired.deps, "vastai")
    return wired


def shown(client: Client, **query: Any) -> list[tuple[str, int]]:
    reply = client("GET", PATH, query=query)
    assert reply.status == 200, reply.text
    return [(one["gpu_type"], one["gpu_count"]) for one in reply.json["series"]]


def test_a_series_tells_prices_and_availability_of_each_day(
    inventory: Client, watched: World
) -> None:
    """N-72: means, shares and prices with their decimals; the contract's fields and no other."""
    body = inventory("GET", PATH, query={"gpu_type": "a40"}).json
    assert body == {
        "series": [
            {
                "provider": "vastai",
                "gpu_type": "A40",
                "gpu_count": 1,
                "points": [
                    {
                        "at": "2026-02-07T00:00:00.000Z",
                        "cheapest": 0.3,
                        "median": 0.45,
                        "offer_count": 1.0,
                        "offer_count_max": 1,
                        "availability": 1.0,
                        "snapshots": 2,
                        "complete": False,
                    }
                ],
            }
        ],
        "count": 1,
        "period": "daily",
        "days": 7,
        "from": "2026-02-01T00:00:00.000Z",
        "to": "2026-02-07T12:02:00.000Z",
    }


def test_snapshots_without_an_offer_lower_mean_and_availability(
    inventory: Client, watched: World
) -> None:
    """N-72."""
    series = inventory("GET", PATH, query={"gpu_type": "rtx", "gpu_count": 1}).json["series"]
    (point,) = series[0]["points"]
    assert (point["offer_count"], point["offer_count_max"]) == (1.0, 2)
    assert (point["availability"], point["snapshots"]) == (0.5, 2)


def test_mean_and_share_are_rounded_and_an_hour_without_offers_has_null_prices(
    inventory: Client, watched: World
) -> None:
    """N-72: offer_count with 2 decimals; cheapest and median are there, and null."""
    watched.clock.tick(60)
    refresh_inventory(watched.deps, "vastai")
    watched.clock.tick(3_600)
    refresh_inventory(watched.deps, "vastai")
    query = {"gpu_type": "rtx", "gpu_count": 1, "period": "hourly", "days": 1}
    body = inventory("GET", PATH, query=query).json
    assert (body["from"], body["to"]) == ("2026-02-06T13:03:00.000Z", "2026-02-07T13:03:00.000Z")
    first, second = body["series"][0]["points"]
    assert (first["offer_count"], first["availability"]) == (0.67, 0.3333)
    assert (first["complete"], second["complete"]) == (True, False)
    assert second == {
        "at": "2026-02-07T13:00:00.000Z",
        "cheapest": None,
        "median": None,
        "offer_count": 0.0,
        "offer_count_max": 0,
        "availability": 0.0,
        "snapshots": 1,
        "complete": False,
    }


def test_nothing_known_is_an_empty_list(inventory: Client) -> None:
    """N-72: both roles read."""
    for caller in (CONSUMER, OPERATOR):
        reply = inventory("GET", PATH, caller=caller)
        assert (reply.status, reply.json["series"], reply.json["count"]) == (200, [], 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [("A40", 1), ("RTX 4090", 1), ("RTX 4090", 2), ("RTX 4090", 10)]),
        ({"gpu_type": "rtx_40"}, [("RTX 4090", 1), ("RTX 4090", 2), ("RTX 4090", 10)]),
        ({"gpu_count": 1}, [("A40", 1), ("RTX 4090", 1)]),
        ({"gpu_count": 3}, []),
        ({"provider": "vastai", "gpu_type": "RTX-4090", "gpu_count": 2}, [("RTX 4090", 2)]),
        ({"limit": 3}, [("A40", 1), ("RTX 4090", 1), ("RTX 4090", 2)]),
    ],
)
def test_series_are_chosen_and_in_order(
    inventory: Client, watched: World, query: Any, expected: list[tuple[str, int]]
) -> None:
    """N-72: gpu_type as in the inventory, gpu_count exactly; by type, number and provider."""
    assert shown(inventory, **query) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("days", 0),
        ("days", 91),
        ("days", "1.5"),
        ("period", "weekly"),
        ("gpu_count", 0),
        ("gpu_count", "x"),
        ("gpu_type", ""),
        ("gpu_type", "x" * 257),
        ("provider", "nope"),
        ("limit", 0),
        ("limit", -1),
        ("limit", 201),
        ("limit", "x"),
        ("cursor", "x"),
        ("cursor", "e30="),
        ("offset", 1),
    ],
)
def test_a_bad_parameter_is_refused_by_name(inventory: Client, name: str, value: Any) -> None:
    """N-72, M-12, M-13, M-72, M-79."""
    reply = inventory("GET", PATH, query={name: value})
    assert (reply.status, reply.fields) == (400, [name])


def test_the_bounds_themselves_are_allowed(inventory: Client, watched: World) -> None:
    """N-72: days 1 and 90, limit 1 and 200."""
    for query in ({"days": 1}, {"days": 90, "period": "hourly"}, {"limit": 1}, {"limit": 200}):
        assert inventory("GET", PATH, query=query).status == 200


def test_a_period_that_does_not_exist_is_answered_with_those_that_do(inventory: Client) -> None:
    """N-72."""
    text = inventory("GET", PATH, query={"period": "weekly"}).json["error"]
    assert text == "period must be one of hourly, daily"


def _walk(client: Client, world: World, **query: Any) -> list[Any]:
    pages: list[Any] = []
    while not pages or "next_cursor" in pages[-1]:
        cursor = {"cursor": pages[-1]["next_cursor"]} if pages else {}
        pages.append(client("GET", PATH, query={**query, **cursor}).json)
        assert len(pages) < 50
        world.clock.tick(3_600)
    return pages


def test_pages_hold_every_series_once_and_show_the_same_instants(
    inventory: Client, watched: World
) -> None:
    """N-72: though hours pass between them."""
    whole = shown(inventory)
    pages = _walk(inventory, watched, limit=1)
    walked = [(one["gpu_type"], one["gpu_count"]) for page in pages for one in page["series"]]
    assert walked == whole
    assert {page["count"] for page in pages} == {1}
    assert len({(page["from"], page["to"]) for page in pages}) == 1


def test_a_cursor_is_bound_to_caller_and_filters_and_valid_for_a_day(
    inventory: Client, watched: World
) -> None:
    """N-72, N-58."""
    query = {"limit": 1, "gpu_type": "RTX"}
    cursor = inventory("GET", PATH, query=query).json["next_cursor"]
    going_on = {**query, "cursor": cursor}
    for other in (
        {"gpu_type": "RTX 4"},
        {"days": 8},
        {"period": "hourly"},
        {"provider": "vastai", "gpu_count": 1},
    ):
        assert inventory("GET", PATH, query={**going_on, **other}).fields == ["cursor"]
    assert inventory("GET", PATH, query=going_on, caller=OTHER).fields == ["cursor"]
    watched.clock.tick(86_400)
    assert shown(inventory, **going_on) == [("RTX 4090", 2)]
    watched.clock.tick(1)
    assert inventory("GET", PATH, query=going_on).fields == ["cursor"]


def _filed(world: World, hours: int, series: int) -> None:
    """A history of one snapshot an hour until today, filed as refreshes file it."""
    bucket = world.deps.inventory.bucket
    quotes = {Series("RTX 4090", n): Quote(n, n, 1) for n in range(1, series + 1)}
    book = Book()
    for hour in range(hours - 1, -1, -1):
        book = book.counted(NOON - hour * HOUR, quotes)
    save_book(bucket, "vastai", book, None)
    wired = replace(world.deps, now=lambda: NOON + timedelta(minutes=1))
    refresh_inventory(wired, "vastai")
    assert len(open_book(bucket, "vastai").book.days) == 1


def test_a_page_ends_before_it_holds_too_many_points(
    inventory: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-72: 3 days of hours are 72 points; and only the rows of the page are read."""
    _filed(wired, 73, 12)
    wired.deps = replace(
        wired.deps, settings=replace(wired.deps.settings, price_page_points=4 * 72 + 71)
    )
    calls: list[int] = []

    def counted(table: Any, keys: Any) -> Any:
        calls.append(len(keys))
        return read_rows(table, keys)

    monkeypatch.setattr(price_cases, "read_rows", counted)
    wired.clock.tick(60)
    pages = _walk(inventory, wired, period="hourly", days=3, limit=200)
    assert [page["count"] for page in pages] == [4, 4, 4]
    assert {len(one["points"]) for page in pages for one in page["series"]} == {72}
    assert max(calls) == 4 * 4
