"""GET /inventory: filters, order, pages, and every way to ask for it wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.failures import Failure, FailureType, suppression_of
from gpu_shopper.store import failures
from tests.builders import an_offer
from tests.functions.calls import Client
from tests.world import World

MARKET = [
    an_offer(id="vastai-1", provider_id="1", price_microusd_per_hour=500_000),
    an_offer(
        id="vastai-2",
        provider_id="2",
        gpu_type="RTX 5090",
        vram_gb=32,
        gpu_count=2,
        price_microusd_per_hour=900_000,
        location="California, US",
        reliability=0.9,
    ),
    an_offer(
        id="vastai-3",
        provider_id="3",
        gpu_type="A40",
        vram_gb=None,
        reliability=None,
        cuda_version=None,
        price_microusd_per_hour=300_000,
        location="Unknown",
        country=None,
        machine_id=None,
    ),
]


@pytest.fixture(autouse=True)
def _market(wired: World) -> None:
    wired.clock.tick(1)
    wired.publish(MARKET)


def ids(client: Client, **query: Any) -> list[str]:
    reply = client("GET", "/api/v1/inventory", query=query)
    assert reply.status == 200, reply.text
    return [offer["id"] for offer in reply.json["offers"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["vastai-3", "vastai-1", "vastai-2"]),
        ({"gpu_type": "RTX"}, ["vastai-1", "vastai-2"]),
        ({"gpu_type": "rtx4090"}, ["vastai-1"]),
        ({"gpu_type": "RTX 4090"}, ["vastai-1"]),
        ({"gpu_type": "rtx_4090"}, ["vastai-1"]),
        ({"gpu_type": "rtx-4090"}, ["vastai-1"]),
        ({"location": "california"}, ["vastai-2"]),
        ({"min_vram": 24}, ["vastai-1", "vastai-2"]),
        ({"min_vram": 25}, ["vastai-2"]),
        ({"min_vram": 0}, ["vastai-3", "vastai-1", "vastai-2"]),
        ({"max_price": "0.5"}, ["vastai-3", "vastai-1"]),
        ({"max_price": "0.499999"}, ["vastai-3"]),
        ({"gpu_count": 2}, ["vastai-2"]),
        ({"min_gpu_count": 1, "gpu_count": 2}, ["vastai-3", "vastai-1", "vastai-2"]),
        ({"min_gpu_count": 3}, []),
        ({"min_reliability": "0.9"}, ["vastai-1", "vastai-2"]),
        ({"min_reliability": 0}, ["vastai-3", "vastai-1", "vastai-2"]),
        ({"min_availability_confidence": "0.9"}, ["vastai-3", "vastai-1", "vastai-2"]),
        ({"min_availability_confidence": "0.91"}, []),
        ({"min_cuda": "12.8"}, ["vastai-1", "vastai-2"]),
        ({"sort": "-price"}, ["vastai-2", "vastai-1", "vastai-3"]),
        ({"sort": "reliability"}, ["vastai-1", "vastai-2", "vastai-3"]),
        ({"sort": "vram"}, ["vastai-2", "vastai-1", "vastai-3"]),
        ({"limit": 2, "offset": 1}, ["vastai-1", "vastai-2"]),
        ({"offset": 3}, []),
        ({"provider": "vastai"}, ["vastai-3", "vastai-1", "vastai-2"]),
    ],
)
def test_filters_order_and_pages(inventory: Client, query: Any, expected: list[str]) -> None:
    """M-11, M-22, M-24, M-30, M-41, N-54, X-20, X-22: both sides of each boundary."""
    assert ids(inventory, **query) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_vram", "abc"),
        ("min_vram", "1.5"),
        ("min_vram", "1_0"),
        ("min_vram", " 1"),
        ("min_vram", -1),
        ("max_price", "x"),
        ("max_price", "inf"),
        ("max_price", "NaN"),
        ("max_price", 0),
        ("max_price", -1),
        ("gpu_count", "1.5"),
        ("gpu_count", -1),
        ("min_gpu_count", -1),
        ("min_reliability", "NaN"),
        ("min_reliability", "1.01"),
        ("min_reliability", -1),
        ("min_availability_confidence", 2),
        ("min_cuda", "1e999"),
        ("min_cuda", -1),
        ("limit", 0),
        ("limit", 1001),
        ("limit", "z"),
        ("offset", -1),
        ("sort", "cheapest"),
        ("gpu_type", "x" * 257),
        ("gpu_type", ""),
        ("nonsense", 1),
    ],
)
def test_a_bad_parameter_is_refused_by_name(inventory: Client, name: str, value: Any) -> None:
    """M-12, M-13, M-14, M-79, N-53."""
    reply = inventory("GET", "/api/v1/inventory", query={name: value})
    assert (reply.status, reply.fields) == (400, [name])
    assert name in reply.json["error"]


def test_all_bad_parameters_are_named_at_once(inventory: Client) -> None:
    """N-50."""
    reply = inventory("GET", "/api/v1/inventory", query={"limit": 0, "sort": "x", "min_vram": "y"})
    assert sorted(reply.fields) == ["limit", "min_vram", "sort"]
    assert "sort must be one of price, -price, confidence, reliability, vram" in reply.json["error"]


def test_an_unknown_provider_is_named_with_those_that_are_enabled(inventory: Client) -> None:
    """M-2."""
    reply = inventory("GET", "/api/v1/inventory", query={"provider": "nope"})
    assert reply.status == 400
    assert "nope" in reply.json["error"]
    assert "vastai" in reply.json["error"]


def test_unknown_numbers_are_null_and_never_zero(inventory: Client) -> None:
    """X-16, N-56: money with at most six decimals."""
    offer = inventory("GET", "/api/v1/inventory/vastai-3").json
    for name in ("vram_gb", "reliability", "cuda_version", "machine_id", "country"):
        assert offer[name] is None
    assert offer["price_per_hour"] == 0.3
    assert "inet_up_usd_per_gb" not in offer


def test_the_single_offer_is_the_one_in_the_list(inventory: Client) -> None:
    """M-52, M-60: also by number, in any case, with blanks."""
    listed = inventory("GET", "/api/v1/inventory").json["offers"][1]
    for text in ("vastai-1", " VastAI-1 ", "1"):
        assert inventory("GET", f"/api/v1/inventory/{text}").json == listed


def test_an_id_that_no_provider_can_own_is_explained(inventory: Client) -> None:
    """M-61."""
    reply = inventory("GET", "/api/v1/inventory/8d6c8f0e-aaaa-bbbb-cccc-0123456789ab")
    assert (reply.status, reply.fields) == (400, ["offer_id"])
    assert "vastai-12345678" in reply.json["error"]


def test_providers_tell_how_fresh_they_are(inventory: Client, wired: World) -> None:
    """N-55: and every offer carries its provider's fetch time."""
    body = inventory("GET", "/api/v1/inventory").json
    assert body["providers"]["vastai"]["status"] == "ok"
    fetched = {offer["fetched_at"] for offer in body["offers"]}
    assert fetched == {body["providers"]["vastai"]["fetched_at"]}
    wired.clock.tick(601)
    reply = inventory("GET", "/api/v1/inventory")
    assert (reply.status, reply.json["error_type"]) == (503, "provider_unavailable")
    assert reply.headers["Retry-After"] == "60"


def test_health_and_ready_need_no_key(inventory: Client) -> None:
    """QA-H7: and say what is missing."""
    assert inventory("GET", "/health", caller=None).json["services"]["store"] == "ok"
    reply = inventory("GET", "/ready", caller=None)
    assert (reply.status, reply.json["ready"]) == (503, False)
    assert "first lifecycle sweep after the deploy" in reply.json["waiting_for"]


def test_offers_that_failed_are_shown_until_it_is_forgotten(
    inventory: Client, wired: World
) -> None:
    """BUG-016: with the instant until which they are hidden; filtered like the inventory."""
    for number in range(3):
        failure = Failure(
            provider="vastai",
            offer_id="vastai-1",
            gpu_type="RTX 4090",
            type=FailureType.SSH_TIMEOUT,
            at=wired.clock.at,
            machine_id="77",
            reason="no SSH",
        )
        table = wired.deps.inventory.table
        memory = failures.remember(table, failure, f"session-{number}", 1, 3_600)
    assert memory is not None
    suppression = suppression_of(memory, failure, wired.deps.settings)
    assert suppression is not None
    failures.suppress(table, "vastai", suppression)
    body = inventory("GET", "/api/v1/offer-health").json
    (offer,) = body["offers"]
    assert (body["count"], offer["recent_failures"], offer["is_suppressed"]) == (1, 3, True)
    assert offer["confidence_multiplier"] == 0
    assert offer["suppressed_until"] == "2026-02-07T12:30:01.000Z"
    assert body["gpu_types"] == [
        {"gpu_type_key": "vastai:RTX 4090", "failed_offer_count": 1, "is_degraded": False}
    ]
    assert inventory("GET", "/api/v1/offer-health", query={"gpu_type": "a40"}).json["count"] == 0
    assert inventory("GET", "/api/v1/offer-health", query={"provider": "x"}).status == 400
    wired.clock.tick(3_600)
    assert inventory("GET", "/api/v1/offer-health").json["offers"] == []
