"""What holds for every request: ids, methods, sizes, types, errors."""

from __future__ import annotations

import io
import json
import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gpu_shopper.usecases import sessions as session_cases
from tests.functions.calls import OPERATOR, Client
from tests.world import World

BODY = {"offer_id": "vastai-1001", "workload_type": "ssh", "reservation_hours": 2}


@pytest.mark.parametrize("given", ["", "a" * 129, "<script>", "a\r\nb", "a b", "é"])
def test_a_bad_request_id_is_replaced_by_a_uuid(inventory: Client, given: str) -> None:
    """BUG-040: and the new one is in header and body."""
    reply = inventory("GET", "/nope", headers={"X-Request-ID": given})
    assert uuid.UUID(reply.headers["X-Request-ID"]).version == 4
    assert reply.json["request_id"] == reply.headers["X-Request-ID"]


def test_a_good_request_id_is_taken_over(inventory: Client) -> None:
    """BUG-040: header names in any case."""
    reply = inventory("GET", "/api/v1/inventory", headers={"x-request-id": "abc.DEF_1-2"})
    assert reply.headers["X-Request-ID"] == "abc.DEF_1-2"


@pytest.mark.parametrize("path", ["/nope", "/metrics", "/api/v1", "/api/v1/nothing", "/"])
def test_an_unknown_path_is_not_found_even_without_a_key(inventory: Client, path: str) -> None:
    """M-26, M-31."""
    reply = inventory("GET", path, caller=None)
    assert (reply.status, reply.json["error_type"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_a_wrong_method_is_refused_with_those_that_work(inventory: Client, method: str) -> None:
    """M-26."""
    reply = inventory(method, "/api/v1/inventory")
    assert (reply.status, reply.json["error_type"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_answers_like_get_without_a_body(inventory: Client) -> None:
    """M-28: status and headers are those of GET."""
    got, head = inventory("GET", "/api/v1/inventory"), inventory("HEAD", "/api/v1/inventory")
    assert (head.status, head.text) == (got.status, "")
    assert set(head.headers) == set(got.headers)
    assert inventory("HEAD", "/api/v1/inventory/vastai-9").status == 404


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json", "APPLICATION/JSON"])
def test_callers_that_accept_json_get_it(inventory: Client, accept: str) -> None:
    """M-40."""
    assert inventory("GET", "/api/v1/inventory", headers={"Accept": accept}).status == 200


def test_callers_that_accept_no_json_get_406_as_json(inventory: Client) -> None:
    """M-40."""
    reply = inventory("GET", "/api/v1/inventory", headers={"Accept": "application/xml"})
    assert (reply.status, reply.json["error_type"]) == (406, "not_acceptable")


def test_a_body_that_is_not_json_by_its_type_is_refused(sessions: Client) -> None:
    """1.1: parameters of the type are allowed."""
    wrong = sessions("POST", "/api/v1/sessions", body=BODY, headers={"Content-Type": "text/plain"})
    right = {"Content-Type": "application/json; charset=utf-8"}
    assert wrong.status == 415
    assert sessions("POST", "/api/v1/sessions", body=BODY, headers=right).status == 201


NOTHING_NEEDED = [
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions/{id}"),
    ("DELETE", "/api/v1/sessions/{id}"),
    ("POST", "/api/v1/sessions/{id}/done"),
]


@pytest.mark.parametrize(("method", "path"), NOTHING_NEEDED)
def test_a_route_that_needs_no_body_takes_an_empty_object_and_no_field(
    sessions: Client, method: str, path: str
) -> None:
    """N-53: a field that nobody knows is refused everywhere, and nothing is done."""
    made = sessions("POST", "/api/v1/sessions", body=BODY).json["session"]["id"]
    path = path.format(id=made)
    refused = sessions(method, path, body={"force": True, "<b>": 1})
    assert (refused.status, refused.fields) == (400, ["force", "b"])
    assert sessions(method, path, body={}, headers={"Content-Type": "text/plain"}).status == 415
    assert sessions(method, path, body="[]").status == 400
    assert sessions("GET", f"/api/v1/sessions/{made}").json["status"] == "pending"
    assert sessions(method, path, body={}).status in (200, 202)


@pytest.mark.parametrize("kind", ["Application/JSON", "APPLICATION/JSON; Charset=UTF-8"])
def test_the_type_of_a_body_is_read_in_any_case(sessions: Client, kind: str) -> None:
    """1.1: media types have no case."""
    reply = sessions("POST", "/api/v1/sessions", body=BODY, headers={"Content-Type": kind})
    assert reply.status == 201


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "nonsense", ""])
def test_the_type_of_no_body_does_not_matter(sessions: Client, kind: str) -> None:
    """1.1: there is nothing to read."""
    headers = {"content-type": kind}
    assert sessions("POST", "/api/v1/sessions", headers=headers).json["error_type"] == (
        "validation_error"
    )
    path = "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a/done"
    assert sessions("POST", path, headers=headers).status == 404


@pytest.mark.parametrize(
    "body", ['{"a":1,"a":2}', "{", "[]", "1", '"x"', "nul", "[" * 100_000, '{"a":"\\ud800"}']
)
def test_a_body_that_is_no_json_object_is_refused(sessions: Client, body: str) -> None:
    """1.1: also one too deep to parse and one that is no text."""
    reply = sessions("POST", "/api/v1/sessions", body=body)
    assert (reply.status, reply.json["error_type"]) == (400, "invalid_json")


def test_an_empty_body_where_one_is_needed_is_refused(sessions: Client) -> None:
    """1.1: and the message says so."""
    reply = sessions("POST", "/api/v1/sessions")
    assert (reply.status, reply.json["error"]) == (400, "body is required")


def test_a_huge_body_is_refused_before_it_is_parsed(sessions: Client) -> None:
    """QA-M4, M-79: 413 and not 400 although it is no JSON; one byte less is parsed."""
    too_much = sessions("POST", "/api/v1/sessions", body="x" * (1024 * 1024 + 1))
    assert (too_much.status, too_much.json["limit_bytes"]) == (413, 1024 * 1024)
    assert sessions("POST", "/api/v1/sessions", body="x" * (1024 * 1024)).status == 400


def test_options_needs_no_key_and_tells_a_listed_origin(sessions: Client) -> None:
    """M-29."""
    listed = sessions(
        "OPTIONS", "/api/v1/sessions", headers={"Origin": "https://app.example"}, caller=None
    )
    assert (listed.status, listed.text) == (204, "")
    assert listed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert listed.headers["Access-Control-Max-Age"] == "600"
    other = sessions("OPTIONS", "/api/v1/sessions", headers={"Origin": "https://evil.example"})
    assert not [name for name in other.headers if name.startswith("Access-Control")]
    assert other.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/sessions"),
        ("POST", "/api/v1/sessions"),
        ("GET", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a"),
        ("DELETE", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a"),
        ("POST", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a/done"),
    ],
)
def test_unknown_and_repeated_query_parameters_are_refused(
    sessions: Client, method: str, path: str
) -> None:
    """N-53: each is named, on every route."""
    body = BODY if path.endswith("sessions") and method == "POST" else None
    reply = sessions(method, path, body=body, query={"bogus": 1, "worse": 2})
    assert (reply.status, reply.fields) == (400, ["bogus", "worse"])


def test_the_same_parameter_twice_is_refused(sessions: Client) -> None:
    """N-53: which one was meant?"""
    twice = sessions("GET", "/api/v1/sessions", query={"limit": [1, 2]})
    assert (twice.status, twice.fields) == (400, ["limit"])


def test_unexpected_errors_tell_nothing(
    sessions: Client, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """QA-M2: fixed text outside, the trace under the same id inside."""

    def broken(*_: Any) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr(session_cases, "get", broken)
    reply = sessions("GET", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a")
    assert reply.status == 500
    assert reply.json == {
        "error": "internal error",
        "error_type": "internal_error",
        "request_id": reply.headers["X-Request-ID"],
    }
    logged = [json.loads(line) for line in log.getvalue().splitlines() if "secret" in line]
    assert logged[0]["request_id"] == reply.headers["X-Request-ID"]


def test_a_store_that_does_not_answer_is_503(
    sessions: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-18, X-23: never 404."""

    def down(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://table")

    monkeypatch.setattr(session_cases, "get", down)
    reply = sessions("GET", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a")
    assert (reply.status, reply.json["error_type"]) == (503, "service_unavailable")
    assert int(reply.headers["Retry-After"]) >= 1


def test_a_key_that_sends_too_fast_is_told_when_to_come_back(
    inventory: Client, wired: World
) -> None:
    """M-76, N-7: 20 at once, then one per 0.1 s; another key is not slowed."""
    statuses = [inventory("GET", "/api/v1/inventory").status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    reply = inventory("GET", "/api/v1/inventory")
    assert (reply.json["error_type"], reply.json["retry_after_seconds"]) == ("rate_limited", 1)
    assert inventory("GET", "/api/v1/inventory", caller=OPERATOR).status == 200
    wired.clock.tick(int(reply.headers["Retry-After"]))
    statuses = [inventory("GET", "/api/v1/inventory").status for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_every_answer_is_json_that_nobody_caches(inventory: Client) -> None:
    """N-50."""
    for reply in (inventory("GET", "/api/v1/inventory"), inventory("GET", "/nope")):
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Cache-Control"] == "no-store"


def test_callers_text_is_short_and_harmless_in_messages(inventory: Client) -> None:
    """BUG-040: no angle brackets, no control characters, 128 bytes at most."""
    nasty = "<script>alert(1)</script>\x00\x1f\x7f" + "x" * 500
    for query in ({"provider": nasty}, {nasty: 1}, {"gpu_type": nasty}):
        reply = inventory("GET", "/api/v1/inventory", query=query)
        assert reply.status == 400
        assert not re.search(r"[<>\x00-\x1f\x7f]", reply.json["error"])
        assert len(reply.json["error"]) < 300
