"""The menu: filters, order, pages, and one generation an answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.network import wait_until
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row

READERS = 4
QUIET_WITHIN_S = 60.0
READS = 10


def _menu(live: Deployed, **query: Any) -> Row:
    found: Row = live.operator.get("/api/v1/inventory", **query)
    return found


def test_the_menu_is_in_order_of_price_and_shows_each_offer_once(live: Deployed) -> None:
    """N-54, N-55."""
    menu = _menu(live, limit=1000)
    prices = [offer["price_per_hour"] for offer in menu["offers"]]
    assert prices == sorted(prices)
    assert len({offer["id"] for offer in menu["offers"]}) == menu["count"] == menu["total"] > 50
    assert menu["providers"]["vastai"]["status"] == "ok"


def test_pages_of_one_generation_are_disjoint_and_complete(live: Deployed) -> None:
    """M-11."""
    walks = []

    def undisturbed() -> bool:
        walk = _walked(live)
        walks.extend([walk] if walk else [])
        return bool(walks)

    assert wait_until(undisturbed, QUIET_WITHIN_S, every_s=0.5)
    whole, pages = walks[0]
    ids = [offer["id"] for page in pages for offer in page["offers"]]
    assert ids == [offer["id"] for offer in whole["offers"][:60]]


def _walked(live: Deployed) -> tuple[Row, list[Row]] | None:
    """All offers and three pages; None when a refresh or somebody's rental came in between."""
    before, pages = _menu(live, limit=1000), []
    for offset in range(0, 60, 20):
        page = _menu(live, limit=20, offset=offset)
        assert (page["count"], page["limit"], page["offset"]) == (20, 20, offset)
        pages.append(page)
    after = _menu(live, limit=1000)
    same = [one["id"] for one in before["offers"]] == [one["id"] for one in after["offers"]]
    generations = {_generation(one) for one in (before, *pages, after)}
    return (before, pages) if same and len(generations) == 1 else None


def _generation(menu: Row) -> frozenset[tuple[str, str]]:
    """Each provider with the instant of its fetch."""
    return frozenset((name, str(one["fetched_at"])) for name, one in menu["providers"].items())


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({"gpu_type": "rtx_4090"}, lambda o: o["gpu_type"] == "RTX 4090"),
        ({"gpu_type": "RTX-4090"}, lambda o: o["gpu_type"] == "RTX 4090"),
        ({"min_vram": 48}, lambda o: o["vram_gb"] >= 48),
        ({"max_price": 0.5}, lambda o: o["price_per_hour"] <= 0.5),
        ({"gpu_count": 2}, lambda o: o["gpu_count"] >= 2),
        ({"min_reliability": 0.99}, lambda o: o["reliability"] >= 0.99),
        ({"min_cuda": 12.4}, lambda o: o["cuda_version"] >= 12.4),
        ({"location": "us"}, lambda o: "us" in o["location"].lower()),
        ({"gpu_count": 8, "min_gpu_count": 1, "max_price": 0.2}, lambda o: o["gpu_count"] >= 1),
    ],
)
def test_a_filter_lets_pass_only_what_fits(
    live: Deployed, query: Row, fits: Callable[[Row], bool]
) -> None:
    """M-22, M-24, M-30, M-41, BUG-004."""
    found = _menu(live, limit=1000, **query)
    assert found["count"] > 0
    assert all(fits(offer) for offer in found["offers"])


def test_a_filter_changes_no_later_answer(live: Deployed) -> None:
    """T-2, M-24."""
    before = _menu(live, limit=1000)
    assert _menu(live, gpu_count=1_000)["offers"] == []
    after = _menu(live, limit=1000)
    if _generation(before) == _generation(after):
        assert after["total"] <= before["total"]


def test_an_offer_alone_is_the_offer_in_the_list(live: Deployed) -> None:
    listed = _menu(live, limit=1, sort="-price")["offers"][0]
    alone = live.operator.get(f"/api/v1/inventory/{listed['id']}")
    same = {name: value for name, value in alone.items() if name != "fetched_at"}
    assert same == {name: value for name, value in listed.items() if name != "fetched_at"}


def test_no_answer_mixes_two_generations(live: Deployed) -> None:
    """M-20, N-55: read while refreshes publish one generation after the other."""

    def read(_: int) -> list[Row]:
        return [_menu(live, limit=1000) for _ in range(READS)]

    with ThreadPoolExecutor(READERS) as pool:
        reading = pool.map(read, range(READERS))
        for _ in range(READS):
            live.sweep("RefreshInventoryFunction")
        menus = [menu for some in reading for menu in some]
    for menu in menus:
        shown = {(offer["provider"], offer["fetched_at"]) for offer in menu["offers"]}
        assert shown == _generation(menu)
    assert len({_generation(menu) for menu in menus}) > 1
