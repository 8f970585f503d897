"""Requests that nobody should send, and what every answer has in common."""

from __future__ import annotations

import uuid

import pytest

from local.api import Api
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row
from tests.e2e.routes import NOBODY, PATHS, READ, RENT, ROUTES, Route, located

ORIGIN = "https://app.example.com"
MIB = 1024 * 1024


@pytest.mark.parametrize("path", ["/", "/nope", "/metrics", "/api/v1/nope", "/api/v2/sessions"])
def test_an_unknown_path_is_not_found_with_and_without_a_key(live: Deployed, path: str) -> None:
    """M-26, M-31."""
    for caller in (live.anonymous, live.operator):
        answer = caller.send("GET", path)
        assert (answer.status_code, answer.json()["error_type"]) == (404, "not_found")


@pytest.mark.parametrize("path", PATHS)
def test_another_method_is_answered_with_those_that_exist(live: Deployed, path: str) -> None:
    """M-26."""
    known = {route.method for route in ROUTES if route.path == path}
    other = "PATCH" if "PUT" in known else "PUT"
    answer = live.operator.send(other, located(path))
    assert (answer.status_code, answer.json()["error_type"]) == (405, "method_not_allowed")
    heads = {"HEAD"} if "GET" in known else set()
    assert set(answer.headers["Allow"].split(", ")) == known | heads | {"OPTIONS"}


@pytest.mark.parametrize("route", READ, ids=str)
def test_head_is_get_without_its_body(live: Deployed, route: Route) -> None:
    """M-28."""
    got, head = (live.operator.send(verb, route.at()) for verb in ("GET", "HEAD"))
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.elapsed.total_seconds() < 1
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Cache-Control"] == got.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
def test_options_needs_no_key_and_names_listed_origins_only(live: Deployed, path: str) -> None:
    """M-29."""
    listed, other = (
        live.anonymous.send("OPTIONS", located(path), headers={"Origin": origin})
        for origin in (ORIGIN, "https://evil.example.com")
    )
    assert listed.status_code == other.status_code == 204
    assert listed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert listed.headers["Access-Control-Max-Age"] == "600"
    for name, words in (
        ("Methods", ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")),
        ("Headers", ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID")),
    ):
        assert set(listed.headers[f"Access-Control-Allow-{name}"].split(", ")) == set(words)
        assert f"Access-Control-Allow-{name}" not in other.headers
    assert "Access-Control-Allow-Origin" not in other.headers
    assert listed.headers["Vary"] == other.headers["Vary"] == "Origin"


def test_a_page_may_read_the_gateway_s_own_refusals(live: Deployed) -> None:
    """N-51: of the shape of every error."""
    answer = live.anonymous.send("GET", "/api/v1/sessions", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthorized")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_a_body_is_json_and_of_limited_size(live: Deployed) -> None:
    """QA-M4, M-79."""
    for body, kind, status, error_type in (
        (b'{"a":"' + b"x" * 2 * MIB + b'"}', "application/json", 413, "payload_too_large"),
        (b"[" * 2 * MIB, "application/json", 413, "payload_too_large"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{", "application/json", 400, "invalid_json"),
        (b"[]", "application/json; charset=utf-8", 400, "invalid_json"),
        (b"", "application/json", 400, "validation_error"),
    ):
        answer = live.operator.send(
            "POST", "/api/v1/sessions", data=body, headers={"Content-Type": kind}
        )
        assert (answer.status_code, answer.json()["error_type"]) == (status, error_type)


def test_answers_are_json_or_not_acceptable(live: Deployed) -> None:
    """M-40."""
    for accept, status in (
        ("application/xml", 406),
        ("text/html", 406),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json", 200),
        (None, 200),
        ("text/html, application/json;q=0.9", 200),
    ):
        answer = live.operator.send("GET", "/api/v1/sessions", headers={"Accept": accept})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/json"


def test_a_request_id_is_taken_over_when_it_is_a_plain_word(live: Deployed) -> None:
    """BUG-040."""
    kept = live.operator.send("GET", "/api/v1/nope", headers={"X-Request-ID": "mine-1.2_3"})
    assert kept.headers["X-Request-ID"] == kept.json()["request_id"] == "mine-1.2_3"
    for unusable in ("<script>", "x" * 129, "", "with space"):
        answer = live.operator.send("GET", "/api/v1/nope", headers={"X-Request-ID": unusable})
        assert uuid.UUID(answer.headers["X-Request-ID"]).version == 4


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("inventory", {"min_vram": "abc"}, "min_vram"),
        ("inventory", {"min_vram": "-1"}, "min_vram"),
        ("inventory", {"max_price": "x"}, "max_price"),
        ("inventory", {"max_price": "0"}, "max_price"),
        ("inventory", {"max_price": "inf"}, "max_price"),
        ("inventory", {"min_reliability": "NaN"}, "min_reliability"),
        ("inventory", {"min_reliability": "2.0"}, "min_reliability"),
        ("inventory", {"min_reliability": "-1"}, "min_reliability"),
        ("inventory", {"min_availability_confidence": "1.1"}, "min_availability_confidence"),
        ("inventory", {"min_cuda": "1e999"}, "min_cuda"),
        ("inventory", {"gpu_count": "1.5"}, "gpu_count"),
        ("inventory", {"limit": "1001"}, "limit"),
        ("inventory", {"limit": "0"}, "limit"),
        ("inventory", {"limit": "z"}, "limit"),
        ("inventory", {"sort": "random"}, "sort"),
        ("inventory", {"provider": "nope"}, "provider"),
        ("inventory", {"colour": "red"}, "colour"),
        ("inventory", {"limit": ["1", "2"]}, "limit"),
        ("sessions", {"status": "bogus"}, "status"),
        ("sessions", {"provider": "nope"}, "provider"),
        ("sessions", {"limit": "201"}, "limit"),
        ("sessions", {"limit": "0"}, "limit"),
        ("sessions", {"cursor": "made-up"}, "cursor"),
        ("keys", {"role": "king"}, "role"),
        ("prices", {"period": "weekly"}, "period"),
        ("prices", {"days": "91"}, "days"),
        ("prices", {"limit": "201"}, "limit"),
        ("prices", {"cursor": "made-up"}, "cursor"),
    ],
)
def test_a_bad_parameter_is_named(live: Deployed, path: str, query: Row, field: str) -> None:
    """M-2, M-12, M-13, M-14, M-15, M-22, M-72, M-100, N-53, N-54, N-64."""
    answer = live.operator.send("GET", f"/api/v1/{path}", params=query)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
    assert [one["field"] for one in answer.json()["details"]] == [field]


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("inventory", {"provider": "nope"}, ("nope", "vastai", "tensordock")),
        ("inventory", {"sort": "random"}, ("price", "-price", "confidence", "reliability", "vram")),
        (
            "sessions",
            {"status": "bogus"},
            ("pending", "provisioning", "running", "stopping", "stopped", "failed"),
        ),
    ],
)
def test_whoever_asks_for_something_unknown_is_told_what_is_known(
    live: Deployed, path: str, query: Row, named: tuple[str, ...]
) -> None:
    """M-2, M-15, N-54."""
    answer = live.operator.send("GET", f"/api/v1/{path}", params=query)
    assert answer.status_code == 400
    assert [one for one in named if one not in answer.json()["error"]] == []


def test_an_offer_id_that_no_provider_can_own_is_explained_before_anything_is_recorded(
    live: Deployed, sloppy: Api
) -> None:
    """M-61: for a lookup as for a rental."""
    place = "1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f"
    for offer_id in (place, f"{place}-geforcertx4090-pcie-24gb", "tensordock-", "runpod-1"):
        found = sloppy.send("GET", f"/api/v1/inventory/{offer_id}")
        rented = sloppy.send("POST", "/api/v1/sessions", json=RENT | {"offer_id": offer_id})
        for answer in (found, rented):
            assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
            assert "tensordock-" in answer.json()["error"]
    assert sloppy.get("/api/v1/sessions")["sessions"] == []


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"reservation_hours": 0}, "reservation_hours", "must be at least 1"),
        ({"reservation_hours": 13}, "reservation_hours", "must be at most 12"),
        ({"reservation_hours": None}, "reservation_hours", "whole number"),
        ({"reservation_hours": 1.5}, "reservation_hours", "whole number"),
        ({"reservation_hours": "2"}, "reservation_hours", "whole number"),
        ({"workload_type": "mining"}, "workload_type", "must be one of llm"),
        ({"offer_id": ""}, "offer_id", "at least 1"),
        ({"offer_id": "<b>nope</b>"}, "offer_id", "offer_id"),
        ({"offer_id": "x" * 201}, "offer_id", "at most 200"),
        ({"consumer_id": "a b"}, "consumer_id", "must match"),
        ({"ssh_public_key": "ssh-rsa AAAA"}, "ssh_public_key", "ssh_public_key"),
        ({"max_price": -1}, "max_price", "greater than 0"),
        ({"disk_gb": 0}, "disk_gb", "must be at least 1"),
        ({"ssh_timeout_minutes": 31}, "ssh_timeout_minutes", "must be at most 30"),
        ({"docker_image": "a b"}, "docker_image", "must match"),
        ({"on_start_cmd": "x" * 4001}, "on_start_cmd", "at most 4000"),
        ({"colour": "red"}, "colour", "not known"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_left_behind(
    live: Deployed, change: Row, field: str, says: str
) -> None:
    """M-9, M-13, M-34, M-58, M-79, N-12, N-53: by an operator, who may ask so often."""
    wanted = RENT | {"consumer_id": "careless"} | change
    answer = live.operator.send("POST", "/api/v1/sessions", json=wanted)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
    details = answer.json()["details"]
    assert [one["field"] for one in details] == [field]
    assert says in details[0]["message"]
    assert "<" not in answer.text.replace("\\u003c", "<")
    assert live.operator.get("/api/v1/sessions", consumer_id="careless")["sessions"] == []


@pytest.fixture(scope="module")
def sloppy(live: Deployed) -> Api:
    """A consumer who never gets a session."""
    return live.new_consumer("sloppy")


def test_all_missing_fields_are_named_at_once(live: Deployed, sloppy: Api) -> None:
    """M-9."""
    needed = ["offer_id", "workload_type", "reservation_hours"]
    answer = sloppy.send("POST", "/api/v1/sessions", json={})
    assert [one["field"] for one in answer.json()["details"]] == needed
    assert all(one["message"].endswith("is required") for one in answer.json()["details"])


def test_an_extension_says_what_is_wrong_with_it(live: Deployed) -> None:
    """M-43."""
    path = f"/api/v1/sessions/{NOBODY}/extend"
    for body, says in (({"additional_hours": 0}, "must be at least 1"), ({}, "is required")):
        answer = live.operator.send("POST", path, json=body)
        assert answer.status_code == 400
        assert says in answer.json()["error"]
