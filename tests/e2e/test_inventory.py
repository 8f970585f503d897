"""The menu: filters, order, pages, and one generation an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from local.network import wait_until
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row

READERS = 4
QUIET_WITHIN_S = 60.0
READS = 10
PAGE = 60


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
    """M-11: of five from the eleventh on, and of the whole menu."""
    few = _menu(live, limit=5, offset=10)
    assert (few["count"], len(few["offers"]), few["limit"], few["offset"]) == (5, 5, 5, 10)
    assert few["total"] > 50
    walks = []

    def undisturbed() -> bool:
        walk = _walked(live)
        walks.extend([walk] if walk else [])
        return bool(walks)

    assert wait_until(undisturbed, QUIET_WITHIN_S, every_s=0.5)
    whole, pages = walks[0]
    ids = [offer["id"] for page in pages for offer in page["offers"]]
    assert ids == [offer["id"] for offer in whole["offers"]]
    assert len(set(ids)) == len(ids) == whole["total"]


def _walked(live: Deployed) -> tuple[Row, list[Row]] | None:
    """All offers, and in pages; None when a refresh or somebody's rental came in between."""
    before, pages = _menu(live, limit=1000), []
    for offset in range(0, before["total"] + PAGE, PAGE):
        page = _menu(live, limit=PAGE, offset=offset)
        assert page["count"] == len(page["offers"]) <= PAGE
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
        ({"gpu_type": "rtx4090"}, lambda o: o["gpu_type"] == "RTX 4090"),
        ({"gpu_type": "RTX 4090"}, lambda o: o["gpu_type"] == "RTX 4090"),
        ({"gpu_type": "RTX"}, lambda o: "RTX" in o["gpu_type"]),
        ({"min_vram": 48}, lambda o: o["vram_gb"] >= 48),
        ({"min_vram": 32, "gpu_type": "5090"}, lambda o: o["vram_gb"] == 32),
        ({"min_vram": 24, "gpu_type": "4090"}, lambda o: o["vram_gb"] >= 24),
        ({"max_price": 0.5}, lambda o: o["price_per_hour"] <= 0.5),
        ({"gpu_count": 2}, lambda o: o["gpu_count"] >= 2),
        ({"min_reliability": 0.99}, lambda o: o["reliability"] >= 0.99),
        ({"min_cuda": 12.4}, lambda o: o["cuda_version"] >= 12.4),
        ({"location": "US"}, lambda o: "us" in o["location"].lower()),
        ({"location": "us"}, lambda o: "us" in o["location"].lower()),
        ({"gpu_count": 8, "min_gpu_count": 1, "max_price": 0.2}, lambda o: o["gpu_count"] >= 1),
    ],
)
def test_a_filter_lets_pass_only_what_fits(
    live: Deployed, query: Row, fits: Callable[[Row], bool]
) -> None:
    """M-22, M-24, M-30, M-41, X-20, BUG-004."""
    found = _menu(live, limit=1000, **query)
    assert found["count"] > 0
    assert all(fits(offer) for offer in found["offers"])


@pytest.mark.parametrize(
    ("sort", "rank"),
    [
        ("price", lambda o: (o["price_per_hour"], -o["availability_confidence"], o["id"])),
        ("-price", lambda o: -o["price_per_hour"]),
        ("confidence", lambda o: -o["availability_confidence"]),
        ("reliability", lambda o: -(-1 if o["reliability"] is None else o["reliability"])),
        ("vram", lambda o: -(o["vram_gb"] or 0)),
    ],
)
def test_every_order_is_kept_and_is_the_same_when_asked_again(
    live: Deployed, sort: str, rank: Callable[[Row], Any]
) -> None:
    """N-54: equal bytes of offers while the generation is the same."""
    menu = _menu(live, sort=sort, limit=1000)
    assert menu["offers"] == sorted(menu["offers"], key=rank)
    twice: list[tuple[str, str]] = []

    def asked_twice() -> bool:
        texts = [live.operator.send("GET", f"/api/v1/inventory?sort={sort}").text for _ in "ab"]
        shown = [json.loads(text) for text in texts]
        if _trust(shown[0]) != _trust(shown[1]):
            return False
        twice.append((texts[0].partition('"count"')[0], texts[1].partition('"count"')[0]))
        return True

    assert wait_until(asked_twice, QUIET_WITHIN_S, every_s=0.5)
    assert twice[0][0] == twice[0][1]
    assert len(json.loads(live.operator.send("GET", "/api/v1/inventory").text)["offers"]) == 100


def _trust(menu: Row) -> list[tuple[str, str, float]]:
    """What changes by itself between two answers: generations, rentals, age."""
    return [(o["id"], o["fetched_at"], o["availability_confidence"]) for o in menu["offers"]]


def test_one_gpu_has_one_name_at_both_providers_and_keeps_its_own(live: Deployed) -> None:
    """M-36, M-38, M-42: and every place has a name without empty or repeated parts."""
    menu = _menu(live, limit=1000)["offers"]
    raw = {(o["provider"], o["gpu_type"], o["gpu_name_raw"]) for o in menu}
    cards = {
        name: {gpu for provider, gpu, _ in raw if provider == name}
        for name in ("vastai", "tensordock")
    }
    assert {"RTX 4090", "RTX 5090"} <= cards["vastai"] & cards["tensordock"]
    assert ("tensordock", "RTX 5090", "geforcertx5090-pcie-32gb") in raw
    for offer in menu:
        parts = [part.strip() for part in offer["location"].split(",")]
        assert all(parts)
        assert all(one.lower() != other.lower() for one, other in pairwise(parts))


def test_an_offer_id_is_understood_in_any_spelling(live: Deployed) -> None:
    """M-60: trimmed, in any case, and Vast.ai's as the bare number."""
    offer = _menu(live, provider="vastai", limit=1)["offers"][0]
    number = offer["provider_id"]
    for spelt in (f"%20VastAI-{number}%20", f"VASTAI-{number}", number):
        assert live.operator.get(f"/api/v1/inventory/{spelt}")["id"] == offer["id"]


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
