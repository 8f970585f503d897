"""Templates: from the provider's list to offers that fit, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e import provider
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.renting import Renting, Row, wish

VLLM = "9f2c4c27ab3c85fb2f4c5f1f1d1a90d7"
CUDA = "6b8c2f0cf6d5a86a9d8c2f36b5cd02e1"
DUE_WITHIN_S = 20.0
FETCH = {"provider": "vastai", "what": "templates"}


def _templates(live: Deployed, **query: Any) -> list[Row]:
    found: Row = live.operator.get("/api/v1/templates", **query)
    assert found["count"] == len(found["templates"])
    return list(found["templates"])


def _dearest(live: Deployed) -> list[Row]:
    """Offers that no other test rents meanwhile: those begin with the cheapest."""
    menu = live.operator.get("/api/v1/inventory", provider="vastai", limit=12, sort="-price")
    return list(menu["offers"])


def test_the_provider_s_recommended_templates_are_shown_to_any_key(live: Deployed) -> None:
    for caller in (live.consumer, live.operator):
        found = caller.get("/api/v1/templates")["templates"]
        assert {one["recommended"] for one in found} == {True}
        assert "My notebook" not in {one["name"] for one in found}
        alone = [caller.get(f"/api/v1/templates/{one['hash_id']}") for one in found[:2]]
        assert alone == found[:2]
    used = [one["count_created"] for one in found]
    assert used == sorted(used, reverse=True)
    assert {type(json.loads(one["extra_filters"])) for one in found if "extra_filters" in one} == {
        dict
    }


def test_templates_are_found_by_parts_of_their_names(live: Deployed) -> None:
    assert [one["hash_id"] for one in _templates(live, image="VLLM-open")] == [VLLM]
    assert [one["hash_id"] for one in _templates(live, name="nvidia cuda")] == [CUDA]
    assert _templates(live, use_ssh="false") == []


def test_offers_for_a_template_have_what_it_asks_for(live: Deployed) -> None:
    """1.3: the least CUDA version, and the memory of all GPUs together."""
    everything = live.operator.get("/api/v1/inventory", provider="vastai", limit=1000)
    for_cuda = live.operator.get("/api/v1/inventory", template_hash_id=CUDA, limit=1000)
    for_vllm = live.operator.get("/api/v1/inventory", template_hash_id=VLLM, limit=1000)
    assert 0 < for_cuda["total"] < everything["total"]
    assert 0 < for_vllm["total"] < everything["total"]
    assert [*for_cuda["providers"]] == ["vastai"]
    assert all(offer["cuda_version"] >= 12.6 for offer in for_cuda["offers"])
    assert all(offer["vram_gb"] * offer["gpu_count"] >= 24 for offer in for_vllm["offers"])


def test_what_is_listed_for_a_template_fits_it_and_the_other_way_round(live: Deployed) -> None:
    """5.1"""
    found = live.operator.get("/api/v1/inventory", template_hash_id=CUDA, limit=1000)["offers"]
    fitting = {offer["id"] for offer in found}
    for offer in _dearest(live):
        path = f"/api/v1/inventory/{offer['id']}/compatible-templates"
        answer = live.operator.get(path)
        named = {one["hash_id"] for one in answer["compatible_templates"]}
        assert answer["count"] == len(named) > 0
        assert (CUDA in named) is (offer["id"] in fitting)


def test_an_offer_of_a_provider_without_templates_says_so(live: Deployed) -> None:
    (offer,) = live.operator.get("/api/v1/inventory", provider="tensordock", limit=1)["offers"]
    answer = live.operator.get(f"/api/v1/inventory/{offer['id']}/compatible-templates")
    assert (answer["compatible_templates"], answer["count"]) == ([], 0)
    assert answer["provider"] == "tensordock"
    assert answer["note"]


@pytest.mark.parametrize(
    ("path", "query", "status", "error_type"),
    [
        ("templates/unknown", {}, 404, "template_not_found"),
        ("templates/not-a-hash", {}, 404, "template_not_found"),
        ("templates", {"recommended": "maybe"}, 400, "validation_error"),
        ("templates", {"colour": "red"}, 400, "validation_error"),
        ("inventory", {"template_hash_id": "unknown"}, 404, "template_not_found"),
        ("inventory", {"template_hash_id": "not-a-hash"}, 400, "validation_error"),
        (
            "inventory",
            {"template_hash_id": CUDA, "provider": "tensordock"},
            400,
            "validation_error",
        ),
        ("inventory/vastai-1/compatible-templates", {}, 404, "offer_not_found"),
        ("inventory/nonsense/compatible-templates", {}, 400, "validation_error"),
    ],
)
def test_a_wrong_question_is_refused(
    live: Deployed, path: str, query: Row, status: int, error_type: str
) -> None:
    answer = live.operator.send("GET", f"/api/v1/{path}", params=query)
    assert (answer.status_code, answer.json()["error_type"]) == (status, error_type)


def _fetch(live: Deployed) -> Row:
    """One run of the templates' schedule that is due."""

    def due() -> Row | None:
        done: Row = live.functions.invoke("RefreshInventoryFunction", FETCH)
        return done if done["error"] != "not_due" else None

    fetched: Row = wait_for(due, DUE_WITHIN_S)
    return fetched


def test_a_failed_fetch_hides_no_template(live: Deployed) -> None:
    """2.1: the last good one is served, and no question asks the provider."""
    before = _templates(live)
    failure = {"type": "status", "code": 502}
    with provider.broken(live, failure, operation="templates", provider="vastai"):
        assert _fetch(live)["error"] == "provider_unavailable"
        asked = len(provider.requests(live, "GET", "/api/v0/template/"))
        assert _templates(live) == before
        assert len(provider.requests(live, "GET", "/api/v0/template/")) == asked > 0
    assert _fetch(live) == {"found": len(before), "error": None}


def test_a_template_is_rented_with_its_disk_and_its_time(renting: Renting) -> None:
    """1.4, 2.17, BUG-005: and the machine is the template's."""
    offer, consumer = _fitting(renting, VLLM), renting.consumer()
    body = wish(offer, template_hash_id=VLLM)
    refused = consumer.send("POST", "/api/v1/sessions", json={**body, "disk_gb": 99})
    assert (refused.status_code, refused.json()["error_type"]) == (400, "insufficient_disk")
    rental = renting.rent(offer, consumer, template_hash_id=VLLM)
    assert (rental.created["disk_gb"], rental.created["ssh_timeout_minutes"]) == (100, 15)
    running = rental.until("running")
    assert (running["template_hash_id"], running["template_name"]) == (VLLM, "vLLM")
    (launch,) = provider.launches(renting.live, rental.offer_id)
    assert (launch["body"]["template_hash_id"], launch["body"]["disk"]) == (VLLM, 100)
    assert "image" not in launch["body"]
    assert rental.end()["template_name"] == "vLLM"


def test_an_offer_that_does_not_fit_is_not_rented(renting: Renting) -> None:
    """1.4: nothing is left behind."""
    live, consumer = renting.live, renting.consumer()
    every = live.operator.get("/api/v1/inventory", provider="vastai", sort="-price", limit=1000)
    fitting = live.operator.get("/api/v1/inventory", template_hash_id=VLLM, limit=1000)
    fit = {offer["id"] for offer in fitting["offers"]}
    misfit = next(offer for offer in every["offers"] if offer["id"] not in fit)
    for body in (
        wish(misfit, template_hash_id=VLLM),
        wish(fitting["offers"][-1], template_hash_id=VLLM, docker_image="a/b"),
    ):
        answer = consumer.send("POST", "/api/v1/sessions", json=body)
        assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
        assert answer.json()["details"][0]["field"] == "template_hash_id"
    unknown = consumer.send(
        "POST", "/api/v1/sessions", json=wish(misfit, template_hash_id="unknown")
    )
    assert (unknown.status_code, unknown.json()["error_type"]) == (404, "template_not_found")
    assert consumer.get("/api/v1/sessions")["sessions"] == []


def _fitting(renting: Renting, hash_id: str) -> Row:
    """An offer for this test alone with which the template can be rented."""
    for _ in range(50):
        offer = renting.offer()
        path = f"/api/v1/inventory/{offer['id']}/compatible-templates"
        named = renting.live.operator.get(path)["compatible_templates"]
        if hash_id in {one["hash_id"] for one in named}:
            return offer
    pytest.fail("no offer fits the template")
