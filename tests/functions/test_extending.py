"""POST /sessions/{id}/extend and /override: every branch, as callers see it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from gpu_shopper.errors import Conflict
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.provision import launch
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client, Reply
from tests.functions.rentals import PATH, UNKNOWN, post
from tests.usecases.story import running, stop, torn_down
from tests.world import World

HOUR = {"additional_hours": 1}
DAY = {"max_hours": 24, "reason": "a training run that needs a day"}


def extend(client: Client, session_id: str, body: Any = HOUR, caller: Any = CONSUMER) -> Reply:
    return client("POST", f"{PATH}/{session_id}/extend", body=body, caller=caller)


def override(client: Client, session_id: str, body: Any = DAY, caller: Any = OPERATOR) -> Reply:
    return client("POST", f"{PATH}/{session_id}/override", body=body, caller=caller)


def test_an_override_answers_with_what_holds_now(sessions: Client, wired: World) -> None:
    """N-39: and the session shows it."""
    session_id = running(wired)
    reply = override(sessions, session_id)
    assert (reply.status, reply.json) == (
        200,
        {
            "session_id": session_id,
            "hard_max_hours": 24,
            "hard_max_at": "2026-02-08T12:00:00.000Z",
            "expires_at": "2026-02-07T14:00:00.000Z",
        },
    )
    session = sessions("GET", f"{PATH}/{session_id}").json
    assert (session["hard_max_hours"], session["hard_max_at"]) == (24, reply.json["hard_max_at"])
    longer = extend(sessions, session_id, {"additional_hours": 22})
    assert (longer.status, longer.json["new_expires_at"]) == (200, reply.json["hard_max_at"])


@pytest.mark.parametrize("whose", ["own", "foreign", "unknown", "malformed"])
@pytest.mark.parametrize("body", [DAY, {}, {"max_hours": "x"}])
def test_an_override_is_for_operators_whatever_is_asked(
    sessions: Client, wired: World, whose: str, body: Any
) -> None:
    """N-1, N-39: 403 tells a consumer nothing of sessions."""
    mine = post(sessions).json["session"]["id"]
    asked = {"own": mine, "foreign": mine, "unknown": UNKNOWN, "malformed": "x"}[whose]
    reply = override(sessions, asked, body, OTHER if whose == "foreign" else CONSUMER)
    assert (reply.status, reply.json["error_type"]) == (403, "forbidden")
    assert wired.session(mine).hard_max_hours == 12


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "max_hours is required; reason is required"),
        (DAY | {"max_hours": 12}, "max_hours must be at least 13"),
        (DAY | {"max_hours": 73}, "max_hours must be at most 72"),
        (DAY | {"max_hours": 13.5}, "max_hours must be a whole number"),
        (DAY | {"max_hours": "24"}, "max_hours must be a whole number"),
        (DAY | {"max_hours": True}, "max_hours must be a whole number"),
        (DAY | {"reason": ""}, "reason must be at least 1 characters"),
        (DAY | {"reason": "  "}, "reason must be at least 1 characters"),
        (DAY | {"reason": "x" * 501}, "reason must be at most 500 characters"),
        (DAY | {"reason": "a\nb"}, "reason must not contain control characters"),
        (DAY | {"reason": 1}, "reason must be a string"),
        (DAY | {"until": "tomorrow"}, "until is not known here"),
    ],
)
def test_a_bad_override_is_refused_by_name(
    sessions: Client, wired: World, body: Any, text: str
) -> None:
    """N-39: also where no session is."""
    session_id = running(wired)
    for asked in (session_id, UNKNOWN):
        reply = override(sessions, asked, body)
        assert (reply.status, reply.json["error"]) == (400, text)
    assert wired.session(session_id).hard_max_hours == 12


@pytest.mark.parametrize("hours", [13, 72])
@pytest.mark.parametrize("reason", ["x", "x" * 500])
def test_both_ends_of_what_an_override_may_say_pass(
    sessions: Client, wired: World, hours: int, reason: str
) -> None:
    """N-39."""
    body = {"max_hours": hours, "reason": reason}
    assert override(sessions, running(wired), body).json["hard_max_hours"] == hours


def test_an_override_below_what_is_reserved_is_refused(sessions: Client, wired: World) -> None:
    """2.15."""
    session_id = running(wired)
    override(sessions, session_id)
    extend(sessions, session_id, {"additional_hours": 18})
    reply = override(sessions, session_id, DAY | {"max_hours": 19})
    assert (reply.status, reply.fields) == (400, ["max_hours"])


@pytest.mark.parametrize("asked", [UNKNOWN, "not-a-uuid"])
def test_an_override_of_nothing_finds_nothing(sessions: Client, asked: str) -> None:
    """1.4."""
    reply = override(sessions, asked)
    assert (reply.status, reply.json["error_type"]) == (404, "session_not_found")


def test_an_ended_session_is_not_overridden(sessions: Client, wired: World) -> None:
    """N-39: nor one that is stopping."""
    session_id = running(wired)
    stop(wired, session_id)
    for status in ("stopping", "stopped"):
        reply = override(sessions, session_id)
        assert (reply.status, reply.json["error_type"]) == (409, "invalid_state")
        assert (reply.json["status"], reply.json["allowed_events"]) == (status, [])
        wired.clock.tick(60)
        torn_down(wired, session_id)


def test_an_extension_of_nothing_or_of_anothers_session_finds_nothing(
    sessions: Client, wired: World
) -> None:
    """M-18."""
    session_id = running(wired)
    for asked, caller in ((UNKNOWN, CONSUMER), ("x", CONSUMER), (session_id, OTHER)):
        reply = extend(sessions, asked, caller=caller)
        assert (reply.status, reply.json["error_type"]) == (404, "session_not_found")
    assert extend(sessions, session_id, caller=OPERATOR).status == 200


def test_only_a_running_session_is_extended(sessions: Client, wired: World) -> None:
    """M-18, M-71: pending, provisioning, stopping, stopped and failed; nothing changes."""
    session_id = post(sessions).json["session"]["id"]
    end = wired.session(session_id).expires_at

    def refused(status: str, *allowed: str) -> None:
        reply = extend(sessions, session_id)
        assert (reply.status, reply.json["error_type"]) == (409, "invalid_state")
        assert (reply.json["status"], reply.json["allowed_events"]) == (status, [*allowed])
        assert reply.json["session_id"] == session_id
        session = wired.session(session_id)
        assert (session.reservation_hours, session.expires_at) == (2, end)

    refused("pending", "request_stop")
    launch(wired.deps, session_id, 1)
    refused("provisioning", "request_stop")
    stop(wired, session_id)
    refused("stopping")
    wired.clock.tick(60)
    torn_down(wired, session_id)
    refused("stopped")


def test_a_failed_session_is_not_extended(sessions: Client, wired: World) -> None:
    """M-18."""
    session_id = post(sessions).json["session"]["id"]
    wired.clock.tick(601)
    launch(wired.deps, session_id, 1)
    reply = extend(sessions, session_id)
    assert (reply.status, reply.json["status"], reply.json["allowed_events"]) == (409, "failed", [])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "additional_hours is required"),
        ({"additional_hours": 0}, "additional_hours must be at least 1"),
        ({"additional_hours": -1}, "additional_hours must be at least 1"),
        ({"additional_hours": 13}, "additional_hours must be at most 12"),
        ({"additional_hours": 73}, "additional_hours must be at most 72"),
        ({"additional_hours": 1.5}, "additional_hours must be a whole number"),
        ({"additional_hours": None}, "additional_hours must be a whole number"),
        ({"additional_hours": 1, "hours": 1}, "hours is not known here"),
    ],
)
def test_a_bad_extension_is_refused_by_name(
    sessions: Client, wired: World, body: Any, text: str
) -> None:
    """M-18, M-43: what is missing and what is too little are told apart."""
    session_id = running(wired)
    reply = extend(sessions, session_id, body)
    assert (reply.status, reply.json["error"]) == (400, text)
    assert (reply.fields, wired.session(session_id).reservation_hours) == ([text.split()[0]], 2)


def test_an_extension_beyond_the_limit_is_told_its_numbers(sessions: Client, wired: World) -> None:
    """M-18, M-7: 2 + 11 is refused, 2 + 10 is not, and then + 1 is."""
    session_id = running(wired)
    over = extend(sessions, session_id, {"additional_hours": 11})
    assert (over.status, over.json["error_type"]) == (400, "hard_max_exceeded")
    numbers = ("reservation_hours", "additional_hours", "max_hours")
    assert [over.json[name] for name in numbers] == [2, 11, 12]
    assert extend(sessions, session_id, {"additional_hours": 10}).json["reservation_hours"] == 12
    assert extend(sessions, session_id).json["error_type"] == "hard_max_exceeded"


def test_an_extension_without_a_store_may_be_tried_again(
    sessions: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-18: 503, and when."""
    session_id = running(wired)

    def down(**_how: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")

    monkeypatch.setattr(wired.deps.sessions, "get_item", down)
    reply = extend(sessions, session_id)
    assert (reply.status, reply.json["error_type"]) == (503, "service_unavailable")
    assert int(reply.headers["Retry-After"]) >= 1


def test_an_extension_that_always_loses_may_be_tried_again(
    sessions: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-18: three lost writes."""
    session_id = running(wired)
    tries = []

    def lost(*_what: Any) -> None:
        tries.append(1)
        raise Conflict("lost", retry_suggested=True)

    monkeypatch.setattr(store, "save", lost)
    reply = extend(sessions, session_id)
    assert (reply.status, reply.json["error_type"]) == (409, "conflict")
    assert (reply.json["retry_suggested"], len(tries)) == (True, 3)
