"""Price history follows the market: refreshes after one another, each with another market."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.aws_view import entries
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import broken
from tests.e2e.renting import Row

GPU = "Titan RTX"
COUNT = 7  # what no market has of its own
OFFER = 91_234_567


def _refresh(live: Deployed) -> None:
    """A whole fetch, counted; waits while another refresh holds the lease."""
    wait_for(lambda: live.sweep("RefreshInventoryFunction")["error"] is None, 30)


def _change(live: Deployed, **change: Any) -> None:
    live.simulator.post("/_test/offers", change)
    _refresh(live)


def _history(live: Deployed, **query: Any) -> Row | None:
    """The series of our own offer, over today and yesterday: a test may run at midnight."""
    asked = {"gpu_type": GPU, "gpu_count": COUNT, "days": 2, **query}
    found: Row = live.consumer.get("/api/v1/prices", **asked)
    assert found["count"] == len(found["series"]) <= 1
    return found["series"][0] if found["series"] else None


def _price(live: Deployed) -> float:
    menu = live.consumer.get("/api/v1/inventory", gpu_type=GPU, gpu_count=COUNT)
    return float(menu["offers"][0]["price_per_hour"])


@pytest.mark.parametrize("period", ["daily", "hourly"])
def test_history_follows_the_market(live: Deployed, period: str) -> None:
    """N-72: cheapest, median, mean number and availability of what refreshes saw."""
    before = _history(live, period=period)
    seen = [point["cheapest"] for point in before["points"] if point["cheapest"]] if before else []
    offer = OFFER + (period == "hourly")
    _change(live, add=[{"gpu_type": GPU, "num_gpus": COUNT, "price": 1.4, "id": offer}])
    high = _price(live)
    _change(live, set={str(offer): {"price": 0.7}})
    low = _price(live)
    assert low < high
    _change(live, remove=[str(offer)])
    series = _history(live, period=period)
    assert series is not None
    last, points = series["points"][-1], series["points"]
    assert min(point["cheapest"] for point in points if point["cheapest"]) == min([low, *seen])
    assert any(low <= point["median"] <= high for point in points if point["median"])
    assert max(point["offer_count_max"] for point in points) == 1
    assert 0 < max(point["availability"] for point in points) < 1
    assert last["complete"] is False
    _refresh(live)
    after = _history(live, period=period)
    assert after is not None
    assert sum(p["snapshots"] for p in after["points"]) > sum(p["snapshots"] for p in points)


def _snapshots(live: Deployed) -> int:
    found = live.operator.get("/api/v1/prices", provider="vastai", days=2, limit=1)
    return sum(point["snapshots"] for point in found["series"][0]["points"])


def test_a_failed_refresh_leaves_no_trace_in_history(live: Deployed) -> None:
    """N-72."""
    _refresh(live)
    with broken(live, {"type": "garbage", "kind": "html"}, operation="search"):
        wait_for(
            lambda: live.sweep("RefreshInventoryFunction")["error"] not in (None, "not_due"), 30
        )
        before = _snapshots(live)
        wait_for(
            lambda: live.sweep("RefreshInventoryFunction")["error"] not in (None, "not_due"), 30
        )
        assert _snapshots(live) == before
    _refresh(live)
    assert _snapshots(live) > before


def test_pages_show_every_series_once(live: Deployed) -> None:
    """N-72: in the order of type, number and provider."""
    _refresh(live)
    pages: list[Row] = [live.operator.get("/api/v1/prices", limit=20)]
    while "next_cursor" in pages[-1]:
        cursor = pages[-1]["next_cursor"]
        pages.append(live.operator.get("/api/v1/prices", limit=20, cursor=cursor))
    lines = [
        (one["gpu_type"], one["gpu_count"], one["provider"])
        for page in pages
        for one in page["series"]
    ]
    assert len(pages) > 1
    assert lines == sorted(set(lines))
    assert {page["to"] for page in pages} == {pages[0]["to"]}


def test_offers_without_a_day_of_history_have_no_place(live: Deployed) -> None:
    """N-73: null in the list and in the single offer."""
    (listed,) = live.consumer.get("/api/v1/inventory", limit=1)["offers"]
    alone = live.consumer.get(f"/api/v1/inventory/{listed['id']}")
    assert listed["price_percentile_7d"] is alone["price_percentile_7d"] is None


@pytest.mark.last
def test_no_refresh_of_the_run_failed_to_write_its_history(live: Deployed) -> None:
    """N-72: with the function's own rights, and while others write."""
    assert entries(live, operation="price_history_failed") == []
