"""What is counted of requests: each one, by pattern, method and status, however it ends."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from functions.authorizer import app as authorizer
from gpu_shopper.usecases.deps import Fact
from tests.builders import SESSION_ID
from tests.functions.calls import RUN, Client
from tests.world import World


def counted(world: World, metric: str) -> list[Mapping[str, str]]:
    return [fact.dimensions for fact in world.facts if metric in fact.metrics]


def words(method: str, route: str, status: int) -> dict[str, str]:
    return {"Method": method, "Route": route, "Status": str(status)}


def test_requests_are_counted_by_pattern_and_never_by_path(
    world: World, inventory: Client, sessions: Client
) -> None:
    """QA-M7: good and bad ones alike; a path that nobody knows is `unmatched`."""
    inventory("GET", "/api/v1/inventory")
    inventory("HEAD", "/api/v1/inventory")
    inventory("GET", "/api/v1/inventory/vastai-9")
    inventory("GET", "/api/v1/inventory/vastai-9/compatible-templates")
    inventory("GET", "/nowhere")
    sessions("GET", f"/api/v1/sessions/{SESSION_ID}")
    sessions("POST", f"/api/v1/sessions/{SESSION_ID}/extend", body={})
    sessions("PUT", f"/api/v1/sessions/{SESSION_ID}")
    sessions("OPTIONS", "/api/v1/sessions")
    requests = counted(world, "HttpRequests")
    assert requests == [
        words("GET", "/api/v1/inventory", 200),
        words("HEAD", "/api/v1/inventory", 200),
        words("GET", "/api/v1/inventory/{id}", 404),
        words("GET", "/api/v1/inventory/{id}/compatible-templates", 404),
        words("GET", "unmatched", 404),
        words("GET", "/api/v1/sessions/{id}", 404),
        words("POST", "/api/v1/sessions/{id}/extend", 400),
        words("PUT", "/api/v1/sessions/{id}", 405),
        words("OPTIONS", "/api/v1/sessions", 204),
    ]
    assert counted(world, "HttpLatency") == requests


def test_an_unexpected_error_is_counted_as_the_500_that_it_is(
    world: World, sessions: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6.2: what the alarm ApiErrors reads."""

    def broken(*_: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr("gpu_shopper.usecases.sessions.get", broken)
    assert sessions("GET", f"/api/v1/sessions/{SESSION_ID}").status == 500
    assert counted(world, "HttpRequests") == [words("GET", "/api/v1/sessions/{id}", 500)]


def test_refused_requests_are_counted_by_why(world: World, keys: Client, sessions: Client) -> None:
    """6.1: 401 and 403, and no other answer."""
    keys("GET", "/api/v1/keys")
    sessions("GET", "/api/v1/sessions", caller=None)
    sessions("GET", f"/api/v1/sessions/{SESSION_ID}")
    assert counted(world, "AuthFailures") == [{"Reason": "403"}, {"Reason": "401"}]


def test_a_key_that_the_authorizer_refuses_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6.1: such a request comes no further."""
    monkeypatch.setattr(authorizer, "deps", lambda: world.deps)
    with pytest.raises(Exception, match="Unauthorized"):
        authorizer.handler({"headers": {"Authorization": "Bearer gsk_none_x"}}, RUN)
    (fact,) = world.facts
    assert fact == Fact("", metrics={"AuthFailures": 1}, dimensions={"Reason": "401"})
