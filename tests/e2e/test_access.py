"""Who may do what: every route against every kind of caller."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from local.api import Api
from tests.e2e import provider
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.renting import Rental, Renting, Row, provider_id
from tests.e2e.routes import CLOSED, NOBODY, RENT, ROUTES, Route
from tests.e2e.stories import told_by

API_KEY = re.compile(r"gsk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
# The authorizer's answers are kept for 30 s; the contract allows 60.
REVOKED_WITHIN_S = 60.0


def ended_session(renting: Renting) -> Rental:
    """A session that was refused at once: it exists and costs nothing."""
    offer = renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with provider.broken(renting.live, "no_such_ask", match=match):
        rental = renting.rent(offer)
        rental.until("failed")
    return rental


def _ask(caller: Api, route: Route, session_id: str = NOBODY) -> tuple[int, Row]:
    answer = caller.send(route.method, route.at(session_id), json=route.body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("route", CLOSED, ids=str)
def test_without_a_key_no_route_answers(live: Deployed, route: Route) -> None:
    """N-1, X-25, N-4."""
    for caller in (live.anonymous, live.caller("gsk_abcd1234_" + "x" * 43)):
        answer = caller.send(route.method, route.at(), json=route.body)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error_type"] == "unauthorized"


@pytest.mark.parametrize("route", [each for each in ROUTES if each.access == "open"], ids=str)
def test_health_needs_no_key(live: Deployed, route: Route) -> None:
    """N-1."""
    assert _ask(live.anonymous, route)[0] == 200


@told_by(ended_session)
def test_a_session_is_visible_to_its_consumer_and_operators_only(
    live: Deployed, renting: Renting, told: Rental
) -> None:
    """N-1, M-1, N-52."""
    somebody = renting.consumer()
    for route in (each for each in CLOSED if each.access == "own"):
        foreign = _ask(somebody, route, told.id)
        assert (foreign[0], foreign[1]["error_type"]) == (404, "session_not_found")
        unknown = _ask(somebody, route, NOBODY)
        assert foreign[1] | {"request_id": ""} == unknown[1] | {"request_id": ""}
        assert _ask(somebody, route, "not-a-uuid")[0] == 404
        for caller in (told.caller, live.operator):
            status, body = _ask(caller, route, told.id)
            assert status == 200 or (status, body["error_type"]) == (409, "invalid_state")


@pytest.mark.parametrize("route", [each for each in CLOSED if each.access == "operator"], ids=str)
def test_what_is_for_operators_is_closed_to_consumers(live: Deployed, route: Route) -> None:
    """N-1."""
    status, body = _ask(live.consumer, route)
    assert (status, body["error_type"]) == (403, "forbidden")
    assert _ask(live.operator, route)[0] in (200, 201, 404)


def test_rents_are_for_the_key_s_own_consumer(live: Deployed, renting: Renting) -> None:
    """N-5."""
    consumer = renting.consumer()
    for caller, consumer_id, status in (
        (consumer, "somebody-else", 403),
        (consumer, None, 404),
        (live.operator, "anybody", 404),
        (live.operator, None, 400),
    ):
        wish = RENT if consumer_id is None else RENT | {"consumer_id": consumer_id}
        assert caller.send("POST", "/api/v1/sessions", json=wish).status_code == status
    foreign = consumer.send("GET", "/api/v1/sessions", params={"consumer_id": "somebody-else"})
    assert foreign.status_code == 403


@told_by(ended_session)
def test_lists_hold_one_s_own_sessions(live: Deployed, renting: Renting, told: Rental) -> None:
    """N-5, QA-C5."""
    assert [one["id"] for one in told.caller.get("/api/v1/sessions")["sessions"]] == [told.id]
    assert renting.consumer().get("/api/v1/sessions")["sessions"] == []
    whose = told.created["consumer_id"]
    listed = live.operator.get("/api/v1/sessions", consumer_id=whose, status="failed")
    assert [one["id"] for one in listed["sessions"]] == [told.id]


@dataclass(frozen=True)
class Keys:
    """What became of an expired and a revoked key, and of its neighbours."""

    refusals: list[tuple[int, Row]]
    others: list[int]
    listed: Row
    secrets: list[str]


def keys_end(renting: Renting) -> Keys:
    live = renting.live
    wish = {"role": "consumer", "consumer_id": "keyholder"}
    revoked = live.operator.post("/api/v1/keys", {**wish, "name": "revoked"})
    # After the first, which may have to wait for a worker to start.
    soon = (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    short = live.operator.post("/api/v1/keys", {**wish, "expires_at": soon, "name": "short"})
    kept = live.operator.post("/api/v1/keys", {**wish, "name": "kept"})
    live.caller(revoked["api_key"]).get("/api/v1/sessions")
    live.operator.delete(f"/api/v1/keys/{revoked['key']['id']}")
    refusals = [_refusal(live, made["api_key"]) for made in (short, revoked)]
    still = live.caller(kept["api_key"]).send("GET", "/api/v1/sessions")
    return Keys(
        refusals=[*refusals, *_malformed(live, kept["api_key"])],
        others=[still.status_code],
        listed=live.operator.get("/api/v1/keys", consumer_id="keyholder", include_revoked="true"),
        secrets=[made["api_key"] for made in (short, revoked, kept)],
    )


def _refusal(live: Deployed, key: str) -> tuple[int, Row]:
    def refused() -> tuple[int, Row] | None:
        answer = live.caller(key).send("GET", "/api/v1/sessions")
        return (answer.status_code, answer.json()) if answer.status_code != 200 else None

    found: tuple[int, Row] = wait_for(refused, REVOKED_WITHIN_S)
    return found


def _malformed(live: Deployed, key: str) -> list[tuple[int, Row]]:
    answers = []
    for header in (f"Basic {key}", key, "Bearer", f"Bearer {key[:-1]}", f"Bearer {key}x"):
        answer = live.anonymous.send("GET", "/api/v1/sessions", headers={"Authorization": header})
        answers.append((answer.status_code, answer.json()))
    return answers


@told_by(keys_end, long=True)
def test_revoked_expired_and_malformed_keys_get_the_same_answer(told: Keys) -> None:
    """N-3, N-4."""
    assert {status for status, _ in told.refusals} == {401}
    assert len({str(body | {"request_id": ""}) for _, body in told.refusals}) == 1
    assert told.others == [200]


@told_by(keys_end, long=True)
def test_a_key_is_shown_once(told: Keys) -> None:
    """N-2."""
    assert all(API_KEY.fullmatch(secret) for secret in told.secrets)
    assert {one["name"] for one in told.listed["keys"]} == {"short", "revoked", "kept"}
    assert not any(secret.split("_", 2)[2] in str(told.listed) for secret in told.secrets)
