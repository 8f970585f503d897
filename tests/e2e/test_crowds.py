"""Many readers, providers that fail or hang, markets with holes: what callers see meanwhile.

These tests have a world of their own, in which offers are fetched only when a test says so.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from local import aws, stack
from tests.e2e import provider
from tests.e2e.aws_view import entries
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import broken
from tests.e2e.renting import Row, another, together
from tests.e2e.test_ageing import PROVIDERS, refresh

REFRESH = "RefreshInventoryFunction"
READERS, READS = 50, 4
MORE_AT_ONCE = 10  # each reader more needs two more processes of the emulator, seconds each
KIND = "RTX 4090"
LOCATIONS = "/tensordock/api/v2/locations"


@contextmanager
def refreshing(live: Deployed) -> Iterator[None]:
    """Both providers' offers are fetched again and again while the block lasts."""
    over = Event()

    def keep_on(name: str) -> None:
        while not over.is_set():
            live.functions.invoke(REFRESH, {"provider": name})

    with ThreadPoolExecutor(len(PROVIDERS)) as pool:
        running = [pool.submit(keep_on, name) for name in PROVIDERS]
        try:
            yield
        finally:
            over.set()
        for one in running:
            one.result()


def test_two_hundred_reads_while_a_provider_fails_at_random(ageing: Deployed) -> None:
    """M-23: none is a 5xx, and the failing provider is named with its error."""
    refresh(ageing)
    errors = set()
    failing = broken(ageing, {"type": "status", "code": 500}, operation="locations", when=OFTEN)
    with failing, refreshing(ageing):
        for _ in range(200):
            answer = ageing.operator.send("GET", "/api/v1/inventory?limit=1")
            assert answer.status_code == 200
            shown = answer.json()["providers"]
            assert set(shown) == set(PROVIDERS)
            errors |= {(name, one["error"]) for name, one in shown.items() if "error" in one}
    assert errors
    assert {name for name, _ in errors} == {"tensordock"}


OFTEN = {"probability": 0.9}


def test_a_provider_that_hangs_delays_neither_callers_nor_the_other(ageing: Deployed) -> None:
    """QA-M10, M-19: given up after the read time-out; the last good snapshot stays."""
    together(2, lambda number: ageing.functions.invoke(REFRESH, {"provider": PROVIDERS[number]}))
    refresh(ageing)
    before = _menu(ageing)
    hanging = broken(ageing, {"type": "hang", "s": 60, "effect": "none"}, provider="tensordock")
    with hanging, ThreadPoolExecutor(1) as pool:
        slow: Future[Any] = pool.submit(
            ageing.functions.invoke, REFRESH, {"provider": "tensordock"}
        )
        wait_for(lambda: _waiting(ageing), 30)
        took = [_seconds_of_a_read(ageing) for _ in range(9)]
        assert ageing.functions.invoke(REFRESH, {"provider": "vastai"})["error"] is None
        during = _menu(ageing)
        assert not slow.done()
        assert slow.result()["error"] == "provider_unavailable"
    assert statistics.median(took) < 1
    assert _fetched(during, "vastai") > _fetched(before, "vastai")
    assert _fetched(_menu(ageing), "tensordock") == _fetched(before, "tensordock")


def _waiting(live: Deployed) -> bool:
    return any(one["status"] is None for one in provider.requests(live, "GET", LOCATIONS))


def _seconds_of_a_read(live: Deployed) -> float:
    began = time.monotonic()
    assert live.operator.send("GET", "/api/v1/inventory?limit=1").status_code == 200
    return time.monotonic() - began


def _menu(live: Deployed, **query: Any) -> Row:
    found: Row = live.operator.get("/api/v1/inventory", **{"limit": 1000, **query})
    return found


def _fetched(menu: Row, name: str) -> str:
    at: str = menu["providers"][name]["fetched_at"]
    return at


def test_readers_see_one_generation_each_while_the_market_moves(ageing: Deployed) -> None:
    """M-20: two offers whose prices move together never move apart in an answer."""
    refresh(ageing, "vastai")
    offers = _menu(ageing, provider="vastai", gpu_type=KIND)["offers"]
    pair = [next(one for one in offers if one["machine_id"] == m) for m in _two_machines(offers)]

    def read(_: int) -> list[Row]:
        reader = another(ageing.operator)
        query = {"provider": "vastai", "gpu_type": KIND, "limit": 1000}
        return [reader.get("/api/v1/inventory", **query) for _ in range(READS)]

    with refreshing(ageing):
        for readers in range(MORE_AT_ONCE, READERS + 1, MORE_AT_ONCE):
            together(readers, read)
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(_move_prices, ageing, [one["provider_id"] for one in pair])
        menus = [menu for some in together(READERS, read) for menu in some]
        moving.result()
    gaps, generations = set(), set()
    for menu in menus:
        prices = {one["id"]: one["price_per_hour"] for one in menu["offers"]}
        gaps.add(round(prices[pair[0]["id"]] - prices[pair[1]["id"]], 5))
        generations.add(_fetched(menu, "vastai"))
        assert {one["fetched_at"] for one in menu["offers"]} == {_fetched(menu, "vastai")}
    assert len(gaps - {_gap(pair)}) == 1
    assert len(generations) > 1


def _two_machines(offers: list[Row]) -> list[str]:
    return list(dict.fromkeys(one["machine_id"] for one in offers))[:2]


def _gap(pair: list[Row]) -> float:
    """Their difference before the first move, when they did not cost the same."""
    return float(round(pair[0]["price_per_hour"] - pair[1]["price_per_hour"], 5))


def _move_prices(live: Deployed, ids: list[str]) -> None:
    for price in range(1, 6):
        prices = {one: {"price": price + 10 * place} for place, one in enumerate(ids)}
        live.simulator.post("/_test/offers", {"set": prices})
        live.functions.invoke(REFRESH, {"provider": "vastai"})


def test_refreshes_that_overlap_leave_one_complete_generation(ageing: Deployed) -> None:
    """M-20: one fetches, the others leave it alone."""
    refresh(ageing, "vastai")
    results = together(4, lambda _: ageing.functions.invoke(REFRESH, {"provider": "vastai"}))
    assert {one["error"] for one in results} <= {None, "not_due"}
    assert any(one["error"] is None for one in results)
    market = ageing.simulator.call(
        "GET", "/_test/offers", params={"provider": "vastai", "limit": 10_000}
    )["offers"]
    rentable = {one["id"] for one in market if one["rentable"]}
    assert {one["provider_id"] for one in _menu(ageing, provider="vastai")["offers"]} == rentable


@contextmanager
def market_of(live: Deployed, rows: list[Row]) -> Iterator[None]:
    """Vast.ai's whole market is these rows."""
    action = {"type": "status", "code": 200, "body": {"success": True, "offers": rows}}
    with broken(live, action, operation="search"):
        refresh(live, "vastai")
        yield
    refresh(live, "vastai")


def _rows(live: Deployed, count: int) -> list[Row]:
    query = {"rentable": {"eq": True}, "limit": count, "allocated_storage": 50}
    rows: list[Row] = live.simulator.post("/api/v0/bundles/", query)["offers"]
    return rows


def test_what_is_unknown_is_null_and_drops_out_of_filters_and_to_the_end(ageing: Deployed) -> None:
    """X-22, M-22, X-16: reliability, VRAM and CUDA."""
    rows = _rows(ageing, 4)
    for unknown in ({"reliability": None, "reliability2": None}, {"gpu_ram": None}):
        rows[0] |= unknown
    rows[0]["cuda_max_good"] = None
    nobody = f"vastai-{rows[0]['id']}"
    with market_of(ageing, rows):
        everything = _menu(ageing, provider="vastai")["offers"]
        (offer,) = [one for one in everything if one["id"] == nobody]
        assert (offer["reliability"], offer["vram_gb"], offer["cuda_version"]) == (None,) * 3
        for query, shown in (
            ({"min_reliability": 0}, True),
            ({"min_reliability": 0.000001}, False),
            ({"min_vram": 0}, True),
            ({"min_vram": 1}, False),
            ({"min_cuda": 0}, True),
            ({"min_cuda": 0.1}, False),
        ):
            found = {one["id"] for one in _menu(ageing, provider="vastai", **query)["offers"]}
            assert (nobody in found) is shown
        for sort in ("reliability", "vram"):
            assert _menu(ageing, provider="vastai", sort=sort)["offers"][-1]["id"] == nobody


def test_a_row_that_cannot_be_read_is_left_out_and_logged_as_json(ageing: Deployed) -> None:
    """QA-M8: with provider and operation; more than a fifth of them fail the fetch."""
    rows = _rows(ageing, 10)
    rows[0]["gpu_name"] = None
    with market_of(ageing, rows):
        assert _menu(ageing, provider="vastai")["total"] == 9
    skipped = wait_for(lambda: _skipped(ageing), 30)
    assert {(one["provider"], one["operation"], one["level"]) for one in skipped} == {
        ("vastai", "list_offers", "WARNING")
    }
    assert skipped[0]["unreadable"] == 1
    for row in rows[:3]:
        row["gpu_name"] = None
    bad = {"type": "status", "code": 200, "body": {"offers": rows}}
    with broken(ageing, bad, operation="search"):
        result = ageing.functions.invoke(REFRESH, {"provider": "vastai"})
    assert result["error"] == "bad_provider_reply"


def _skipped(live: Deployed) -> list[Row]:
    return entries(live, message="skipped offers that cannot be read")


def test_a_secret_that_is_incomplete_is_named_until_it_is_whole(ageing: Deployed) -> None:
    """BUG-001, QA-H7: and the last snapshot is shown all the while."""
    url = ageing.endpoints.emulator_url
    manager, secret = aws.client("secretsmanager", url), stack.physical_ids(url)["VastaiSecret"]
    right = manager.get_secret_value(SecretId=secret)["SecretString"]
    refresh(ageing)
    try:
        manager.put_secret_value(SecretId=secret, SecretString=json.dumps({"key": "misnamed"}))
        ageing.simulator.post("/_test/config", {"require_key": {"vastai": ["another"]}})
        answer = wait_for(lambda: _not_ready(ageing), 60)
        assert any("api_key" in one for one in answer["waiting_for"])
        assert _menu(ageing)["providers"]["tensordock"]["status"] == "ok"
    finally:
        manager.put_secret_value(SecretId=secret, SecretString=right)
        keys = {"vastai": [json.loads(right)["api_key"]]}
        keys["tensordock"] = [ageing.endpoints.tensordock_token]
        ageing.simulator.post("/_test/config", {"require_key": keys})
    wait_for(lambda: _ready_again(ageing), 60)


def _not_ready(live: Deployed) -> Row | None:
    live.functions.invoke("ReconcileFunction", {"provider": "vastai"})
    answer = live.anonymous.send("GET", "/ready")
    found: Row = answer.json()
    return found if answer.status_code == 503 else None


def _ready_again(live: Deployed) -> bool:
    live.functions.invoke("ReconcileFunction", {"provider": "vastai"})
    return live.anonymous.send("GET", "/ready").status_code == 200


@pytest.fixture(autouse=True)
def _whole_again(ageing: Deployed) -> Iterator[None]:
    yield
    ageing.simulator.delete("/_test/faults")
