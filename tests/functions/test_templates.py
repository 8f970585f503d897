"""GET /templates, templates for an offer, and offers for a template."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.builders import TEMPLATE_HASH, a_template, an_offer
from tests.functions.calls import Client
from tests.world import World

DOCK = an_offer(
    id="tensordock-1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f-a40-pcie-48gb",
    provider="tensordock",
    provider_id="1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f-a40-pcie-48gb",
    gpu_type="A40",
)
SMALL = an_offer(id="vastai-1", provider_id="1", vram_gb=8, gpu_ram_mb=8_188, cuda_version=11.8)
LARGE = an_offer(id="vastai-2", provider_id="2", price_microusd_per_hour=500_000)
MANY = an_offer(id="vastai-3", provider_id="3", price_microusd_per_hour=900_000, gpu_count=4)

OLLAMA = a_template()
NEW_CUDA = a_template(
    id=102,
    hash_id="b",
    name="NVIDIA CUDA",
    image="vastai/base-image",
    use_ssh=False,
    extra_filters='{"cuda_max_good": {"gt": 12.7}}',
    count_created=1,
)
BIG = a_template(
    id=103, hash_id="c", name="vLLM", extra_filters='{"gpu_total_ram": {"gte": 24577}}'
)


@pytest.fixture(autouse=True)
def _market(wired: World) -> None:
    wired.clock.tick(1)
    wired.publish([SMALL, LARGE, MANY])
    wired.publish_templates(OLLAMA, NEW_CUDA, BIG)


@pytest.fixture
def both(wired: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorDock is enabled too, and has an offer."""
    wired.publish([DOCK])
    deps = replace(wired.deps, enabled_providers=("vastai", "tensordock"))
    monkeypatch.setattr("functions.inventory_api.app.deps", lambda: deps)


def hashes(client: Client, **query: Any) -> list[str]:
    reply = client("GET", "/api/v1/templates", query=query)
    assert reply.status == 200, reply.text
    assert reply.json["count"] == len(reply.json["templates"])
    return [one["hash_id"] for one in reply.json["templates"]]


def offers_for(client: Client, hash_id: str, **query: Any) -> list[str]:
    reply = client("GET", "/api/v1/inventory", query={"template_hash_id": hash_id, **query})
    assert reply.status == 200, reply.text
    return [one["id"] for one in reply.json["offers"]]


def fitting(client: Client, offer_id: str) -> list[str]:
    reply = client("GET", f"/api/v1/inventory/{offer_id}/compatible-templates")
    assert reply.status == 200, reply.text
    assert reply.json["count"] == len(reply.json["compatible_templates"])
    return [one["hash_id"] for one in reply.json["compatible_templates"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [TEMPLATE_HASH, "b", "c"]),
        ({"recommended": "true"}, [TEMPLATE_HASH, "b", "c"]),
        ({"recommended": "false"}, []),
        ({"use_ssh": "false"}, ["b"]),
        ({"use_ssh": "true", "name": "VLL"}, ["c"]),
        ({"name": "cuda"}, ["b"]),
        ({"image": "OLLAMA"}, [TEMPLATE_HASH, "c"]),
        ({"image": "nothing"}, []),
    ],
)
def test_templates_are_filtered(inventory: Client, query: Any, found: list[str]) -> None:
    assert hashes(inventory, **query) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recommended", "yes"),
        ("recommended", ""),
        ("use_ssh", "1"),
        ("use_ssh", ["true", "true"]),
        ("name", ""),
        ("name", "x" * 257),
        ("image", "a\nb"),
        ("limit", 1),
    ],
)
def test_a_bad_parameter_is_refused_by_name(inventory: Client, name: str, value: Any) -> None:
    """M-79, N-53."""
    reply = inventory("GET", "/api/v1/templates", query={name: value})
    assert (reply.status, reply.fields) == (400, [name])


def test_a_template_is_shown_whole_without_what_it_does_not_have(
    inventory: Client, wired: World
) -> None:
    """N-56: instants in RFC 3339; conditions as JSON text."""
    wired.clock.tick(1)
    wired.publish_templates(a_template(created_at=wired.clock.at, onstart="a\nb"))
    alone = inventory("GET", f"/api/v1/templates/{TEMPLATE_HASH}")
    body = inventory("GET", "/api/v1/templates").json
    assert body["fetched_at"] == "2026-02-07T12:00:02.000Z"
    assert body["templates"] == [alone.json]
    assert alone.json == {
        "id": 101,
        "hash_id": TEMPLATE_HASH,
        "name": "Open WebUI (Ollama)",
        "image": "vastai/ollama",
        "tag": "0.15.4",
        "onstart": "a\nb",
        "use_ssh": True,
        "ssh_direct": True,
        "recommended": True,
        "recommended_disk_space": 60.0,
        "extra_filters": '{"gpu_ram": {"gte": 8000}}',
        "created_at": "2026-02-07T12:00:02.000Z",
        "count_created": 99,
    }


@pytest.mark.parametrize("hash_id", ["d", "a" * 65, "b%20", "b.", "%00", TEMPLATE_HASH + "x"])
def test_an_unknown_template_is_not_found(inventory: Client, hash_id: str) -> None:
    reply = inventory("GET", f"/api/v1/templates/{hash_id}")
    assert (reply.status, reply.json["error_type"]) == (404, "template_not_found")


@pytest.mark.parametrize(
    ("hash_id", "found"),
    [
        (TEMPLATE_HASH, ["vastai-1", "vastai-2", "vastai-3"]),
        ("b", ["vastai-2", "vastai-3"]),
        ("c", ["vastai-3"]),
    ],
)
def test_offers_for_a_template_and_templates_for_an_offer_agree(
    inventory: Client, hash_id: str, found: list[str]
) -> None:
    """1.3, 5.1: both ways."""
    assert offers_for(inventory, hash_id) == found
    for offer_id in ("vastai-1", "vastai-2", "vastai-3"):
        assert (hash_id in fitting(inventory, offer_id)) is (offer_id in found)


def test_a_template_goes_together_with_the_other_filters(inventory: Client) -> None:
    assert offers_for(inventory, "b", max_price="0.6") == ["vastai-2"]
    assert offers_for(inventory, "b", min_cuda="12.9") == []
    assert offers_for(inventory, "b", limit=1, offset=1) == ["vastai-3"]
    assert offers_for(inventory, "b", provider="vastai", sort="-price") == ["vastai-3", "vastai-2"]


@pytest.mark.parametrize("hash_id", ["", "a-b", "x" * 65, "b\n", ["b", "b"]])
def test_a_hash_that_no_template_can_have_is_refused(inventory: Client, hash_id: Any) -> None:
    reply = inventory("GET", "/api/v1/inventory", query={"template_hash_id": hash_id})
    assert (reply.status, reply.fields) == (400, ["template_hash_id"])


def test_an_unknown_template_has_no_offers_but_an_answer(inventory: Client) -> None:
    reply = inventory("GET", "/api/v1/inventory", query={"template_hash_id": "d"})
    assert (reply.status, reply.json["error_type"]) == (404, "template_not_found")


@pytest.mark.usefixtures("both")
def test_a_template_means_its_own_provider(inventory: Client) -> None:
    """1.3: implies provider=vastai; with another provider → 400."""
    body = inventory("GET", "/api/v1/inventory", query={"template_hash_id": TEMPLATE_HASH}).json
    assert [*body["providers"]] == ["vastai"]
    query = {"template_hash_id": TEMPLATE_HASH, "provider": "tensordock"}
    reply = inventory("GET", "/api/v1/inventory", query=query)
    assert (reply.status, reply.fields) == (400, ["template_hash_id"])
    assert "tensordock" in reply.json["error"]


@pytest.mark.usefixtures("both")
def test_a_provider_without_templates_says_so(inventory: Client) -> None:
    path = f"/api/v1/inventory/{DOCK.id}/compatible-templates"
    assert inventory("GET", path).json == {
        "compatible_templates": [],
        "count": 0,
        "offer_id": DOCK.id,
        "gpu_type": "A40",
        "vram_gb": 24,
        "provider": "tensordock",
        "note": "tensordock has no templates",
    }


def test_without_vastai_there_are_no_templates(
    inventory: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.3: 503, and 400 for the filter."""
    deps = replace(wired.deps, enabled_providers=("tensordock",))
    monkeypatch.setattr("functions.inventory_api.app.deps", lambda: deps)
    reply = inventory("GET", "/api/v1/templates")
    assert (reply.status, reply.json["error_type"]) == (503, "provider_unavailable")
    reply = inventory("GET", "/api/v1/inventory", query={"template_hash_id": TEMPLATE_HASH})
    assert (reply.status, reply.fields) == (400, ["template_hash_id"])


def test_templates_in_short_say_what_the_offer_is(inventory: Client) -> None:
    body = inventory("GET", "/api/v1/inventory/1/compatible-templates").json
    assert body == {
        "compatible_templates": [
            {"hash_id": TEMPLATE_HASH, "name": "Open WebUI (Ollama)", "image": "vastai/ollama"}
        ],
        "count": 1,
        "offer_id": "vastai-1",
        "gpu_type": "RTX 4090",
        "vram_gb": 8,
    }


def test_templates_of_an_unknown_offer_are_not_found(inventory: Client) -> None:
    for offer_id, status, error_type in (
        ("vastai-9", 404, "offer_not_found"),
        ("nonsense", 400, "validation_error"),
    ):
        reply = inventory("GET", f"/api/v1/inventory/{offer_id}/compatible-templates")
        assert (reply.status, reply.json["error_type"]) == (status, error_type)


PATHS = [
    "/api/v1/templates",
    f"/api/v1/templates/{TEMPLATE_HASH}",
    "/api/v1/inventory/vastai-1/compatible-templates",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_route_answers_head_and_refuses_other_methods(inventory: Client, path: str) -> None:
    """M-26, M-28."""
    assert (inventory("HEAD", path).status, inventory("HEAD", path).text) == (200, "")
    reply = inventory("POST", path, body={})
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert inventory("GET", path, query={"colour": "red"}).fields == ["colour"]


@pytest.mark.parametrize("path", PATHS)
def test_every_route_needs_a_key_and_counts_its_requests(inventory: Client, path: str) -> None:
    """N-1, N-7."""
    assert inventory("GET", path, caller=None).status == 401
    statuses = [inventory("GET", path).status for _ in range(21)]
    assert statuses == [200] * 20 + [429]


@pytest.mark.parametrize("path", PATHS)
def test_templates_of_more_than_a_day_are_not_served(
    inventory: Client, wired: World, path: str
) -> None:
    wired.clock.tick(86_401)
    wired.publish([SMALL])
    reply = inventory("GET", path)
    assert (reply.status, reply.json["error_type"]) == (503, "provider_unavailable")
    assert reply.headers["Retry-After"] == "60"
