"""The heartbeat route, and the fields of a session that an agent has to do with."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gpu_shopper.store import beats, operations
from tests.functions.calls import CONSUMER, Client, Reply
from tests.functions.rentals import PATH, SERVED, UNKNOWN, post
from tests.world import World

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@pytest.fixture
def created(sessions: Client) -> Any:
    """The 201 of a session with an agent."""
    answer = post(sessions, agent=True, idle_threshold_minutes=30)
    assert answer.status == 201
    return answer.json


def beat(agents: Client, created: Any, body: Any = None, **more: Any) -> Reply:
    headers = {"Authorization": f"Bearer {created['agent_token']}"}
    path = f"{PATH}/{created['session']['id']}/heartbeat"
    return agents("POST", path, **{"headers": headers, "body": body or {}, **more})


def test_a_heartbeat_with_the_token_of_its_session_is_taken_and_shown(
    agents: Client, sessions: Client, created: Any
) -> None:
    """E2E-1: every field of the answer."""
    told = {"idle_seconds": 12, "gpu_util_pct": 1.5, "memory_used_mb": 900, "status": "running"}
    session = created["session"]
    answer = beat(agents, created, told | {"session_id": session["id"]})
    assert (answer.status, answer.json) == (
        200,
        {
            "status": "ok",
            "session_id": session["id"],
            "session_status": "pending",
            "expires_at": session["expires_at"],
            "next_heartbeat_seconds": 30,
        },
    )
    shown = sessions("GET", f"{PATH}/{session['id']}").json
    assert (shown["agent"], shown["agent_status"]) == (True, "reporting")
    assert (shown["idle_seconds"], shown["gpu_util_pct"], shown["memory_used_mb"]) == (12, 1.5, 900)
    assert shown["last_heartbeat_at"] == session["created_at"]
    (listed,) = sessions("GET", PATH).json["sessions"]
    assert listed == shown


def test_unknown_values_are_null_or_absent_and_shown_as_unknown(
    agents: Client, sessions: Client, created: Any
) -> None:
    """1.4: idle_seconds is null; what nobody told is not there."""
    assert beat(agents, created, {"idle_seconds": None, "gpu_util_pct": None}).status == 200
    shown = sessions("GET", f"{PATH}/{created['session']['id']}").json
    assert shown["idle_seconds"] is None
    assert not {"gpu_util_pct", "memory_used_mb"} & set(shown)


def test_the_token_has_43_characters_and_is_shown_this_once(sessions: Client, created: Any) -> None:
    """1.4."""
    assert TOKEN.fullmatch(created["agent_token"])
    for path in (PATH, f"{PATH}/{created['session']['id']}"):
        assert created["agent_token"] not in sessions("GET", path).text


def test_without_an_agent_there_is_no_token_and_nothing_is_told_of_one(sessions: Client) -> None:
    answer = post(sessions).json
    assert "agent_token" not in answer
    session = answer["session"]
    assert (session["agent"], session["idle_threshold_minutes"]) == (False, 0)
    assert not {"agent_status", "last_heartbeat_at", "idle_seconds"} & set(session)


@pytest.mark.parametrize("authorization", [None, "Bearer " + "x" * 43, "Bearer gsk_a_b", "Basic x"])
def test_without_that_token_there_is_one_401_whatever_else_is_wrong(
    agents: Client, created: Any, authorization: str | None
) -> None:
    """E2E-1, X-25: an unknown session, a bad body and a bad token look alike."""
    headers = {"Authorization": authorization} if authorization else {}
    answers = [beat(agents, created, headers=headers), beat(agents, created, [1], headers=headers)]
    for unknown in (UNKNOWN, "not-a-uuid"):
        answers.append(agents("POST", f"{PATH}/{unknown}/heartbeat", headers=headers, body={}))
    assert {(one.status, one.json["error"]) for one in answers} == {
        (401, "a valid agent token of this session is required")
    }
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_an_authorised_key_of_the_api_is_no_token(agents: Client, created: Any) -> None:
    """E2E-1: also when the gateway should say whose it is."""
    headers = {"Authorization": "Bearer gsk_alicekey_" + "A" * 43}
    assert beat(agents, created, headers=headers, caller=CONSUMER).status == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"session_id": UNKNOWN}, "session_id"),
        ({"status": "x" * 65}, "status"),
        ({"idle_seconds": -1}, "idle_seconds"),
        ({"idle_seconds": 1.5}, "idle_seconds"),
        ({"idle_seconds": "1"}, "idle_seconds"),
        ({"gpu_util_pct": -0.1}, "gpu_util_pct"),
        ({"gpu_util_pct": 100.1}, "gpu_util_pct"),
        ({"memory_used_mb": -1}, "memory_used_mb"),
        ({"memory_used_mb": 10**13}, "memory_used_mb"),
        ({"token": "x"}, "token"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    agents: Client, created: Any, body: dict[str, Any], field: str
) -> None:
    answer = beat(agents, created, body)
    assert (answer.status, answer.fields) == (400, [field])


@pytest.mark.parametrize(
    "body", [{"status": "x" * 64}, {"idle_seconds": 0}, {"gpu_util_pct": 100}, {"gpu_util_pct": 0}]
)
def test_values_on_the_edge_are_taken(agents: Client, created: Any, body: dict[str, Any]) -> None:
    assert beat(agents, created, body).status == 200


def test_the_route_takes_no_other_method_and_options_needs_no_token(
    agents: Client, created: Any
) -> None:
    path = f"{PATH}/{created['session']['id']}/heartbeat"
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        refused = agents(method, path)
        assert (refused.status, refused.headers["Allow"]) == (405, "POST, OPTIONS")
    assert agents("OPTIONS", path).status == 204


def test_an_error_of_ours_is_remembered_so_that_silence_is_forgiven(
    agents: Client, created: Any, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.12."""

    def down(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="dynamodb")

    monkeypatch.setattr(beats, "keep", down)
    assert beat(agents, created).status == 503
    assert operations.heartbeat_failure_at(wired.deps.operations) == wired.clock.at


def test_where_nothing_can_be_remembered_the_answer_is_the_same(
    agents: Client, created: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="dynamodb")

    monkeypatch.setattr(beats, "keep", down)
    monkeypatch.setattr(operations, "mark_heartbeat_failure", down)
    assert beat(agents, created).status == 503


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"idle_threshold_minutes": -1}, "idle_threshold_minutes"),
        ({"idle_threshold_minutes": 721}, "idle_threshold_minutes"),
        ({"idle_threshold_minutes": 30, "agent": False}, "agent"),
        ({"idle_threshold_minutes": 30, **SERVED}, "idle_threshold_minutes"),
        ({"agent": True, **SERVED}, "agent"),
        ({"agent": "yes"}, "agent"),
        ({"agent": True, "on_start_cmd": "x" * 1_001}, "on_start_cmd"),
    ],
)
def test_what_no_agent_could_do_is_refused_by_name(
    sessions: Client, asked: dict[str, Any], field: str
) -> None:
    """1.4."""
    answer = post(sessions, **asked)
    assert (answer.status, answer.fields) == (400, [field])


@pytest.mark.parametrize(
    ("asked", "threshold", "agent"),
    [
        ({"idle_threshold_minutes": 720}, 720, True),
        ({"idle_threshold_minutes": 0}, 0, False),
        ({"agent": True}, 0, True),
        ({"agent": False}, 0, False),
        ({"agent": False, **SERVED}, 0, False),
    ],
)
def test_a_threshold_brings_the_agent_and_an_agent_needs_no_threshold(
    sessions: Client, asked: dict[str, Any], threshold: int, agent: bool
) -> None:
    answer = post(sessions, **asked)
    assert answer.status == 201
    session = answer.json["session"]
    assert (session["idle_threshold_minutes"], session["agent"]) == (threshold, agent)
    assert ("agent_token" in answer.json) is agent
