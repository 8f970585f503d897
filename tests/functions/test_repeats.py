"""POST /sessions with an Idempotency-Key, as callers send it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import PUBLIC_KEY
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client, Reply
from tests.functions.rentals import BODY, PATH
from tests.world import World


def send(client: Client, key: str, *, body: Any = None, caller: Any = None, **more: Any) -> Reply:
    headers = {"Idempotency-Key": key} | more
    return client("POST", PATH, body=body or BODY, headers=headers, caller=caller or CONSUMER)


def test_a_repeat_is_answered_as_the_first_request_was(sessions: Client) -> None:
    """N-8, N-11: 201, Location, session and private key, for every way to write the body."""
    first = send(sessions, "order-1")
    spaced = json.dumps(dict(reversed(BODY.items())), indent=3)
    again = send(sessions, "order-1", body=spaced)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert sessions("GET", PATH).json["count"] == 1


def test_the_headers_name_is_the_same_in_any_case(sessions: Client) -> None:
    """N-8."""
    headers = {"idempotency-KEY": "order-1"}
    made = [sessions("POST", PATH, body=BODY, headers=headers) for _ in range(2)]
    assert {reply.json["session"]["id"] for reply in made} == {made[0].json["session"]["id"]}


def test_after_a_quarter_of_an_hour_a_repeat_is_without_the_private_key(
    sessions: Client, wired: World
) -> None:
    """N-11: at 15 min with it, at 15 min 1 s without; GET is always without."""
    first = send(sessions, "order-1").json
    wired.clock.tick(900)
    assert send(sessions, "order-1").json["ssh_private_key"] == first["ssh_private_key"]
    wired.clock.tick(1)
    later = send(sessions, "order-1")
    assert (later.status, later.json["session"]["id"]) == (201, first["session"]["id"])
    assert "ssh_private_key" not in later.json
    session = sessions("GET", f"{PATH}/{first['session']['id']}")
    assert first["ssh_private_key"] not in session.text


def test_a_repeat_shows_the_agents_token_for_as_long_as_the_private_key(
    sessions: Client, wired: World
) -> None:
    """1.4: and then no more."""
    body = {**BODY, "agent": True}
    first = send(sessions, "order-1", body=body).json
    wired.clock.tick(wired.deps.settings.secrets_again_s)
    assert send(sessions, "order-1", body=body).json["agent_token"] == first["agent_token"]
    wired.clock.tick(1)
    assert "agent_token" not in send(sessions, "order-1", body=body).json


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "a/b", "sch\u00f6n", "a\n", "\u0661"])
def test_a_key_of_another_form_is_refused_by_its_name(
    sessions: Client, wired: World, key: str
) -> None:
    """N-9: length 0, length 129, and characters outside [A-Za-z0-9._-]; nothing is written."""
    reply = send(sessions, key)
    assert (reply.status, reply.fields) == (400, ["Idempotency-Key"])
    assert wired.deps.sessions.scan()["Count"] == 0


@pytest.mark.parametrize("key", ["x", "x" * 128, "A-Z.a_z-0.9"])
def test_every_key_of_the_right_form_is_taken(sessions: Client, key: str) -> None:
    """N-9."""
    assert send(sessions, key).status == 201


def test_the_same_key_with_another_body_is_refused_without_a_session_id(
    sessions: Client,
) -> None:
    """N-9."""
    first = send(sessions, "order-1").json["session"]["id"]
    reply = send(sessions, "order-1", body=BODY | {"ssh_public_key": PUBLIC_KEY})
    assert (reply.status, reply.json["error_type"]) == (422, "idempotency_mismatch")
    assert set(reply.json) == {"error", "error_type", "request_id"}
    assert first not in reply.text


def test_body_and_right_are_judged_before_the_key_is_known_again(sessions: Client) -> None:
    """1.4, order of checks: a bad body and a foreign consumer are told so, not of the first."""
    assert send(sessions, "order-1").status == 201
    assert send(sessions, "order-1", body=BODY | {"reservation_hours": 13}).status == 400
    foreign = send(sessions, "order-1", body=BODY | {"consumer_id": "alice"}, caller=OTHER)
    assert foreign.status == 403
    assert send(sessions, "order-1", caller=OTHER).json["session"]["consumer_id"] == "bob"


def test_the_offer_is_judged_after_the_key(sessions: Client, wired: World) -> None:
    """1.4, order of checks: a repeat does not need the offer any more."""
    first = send(sessions, "order-1").json["session"]["id"]
    wired.clock.tick(601)
    assert send(sessions, "order-2").json["error_type"] == "provider_unavailable"
    assert send(sessions, "order-1").json["session"]["id"] == first


def test_an_operators_repeat_is_for_the_consumer_it_names(sessions: Client) -> None:
    """N-9: the key belongs to the consumer, whoever rents for it."""
    for_bob = BODY | {"consumer_id": "bob"}
    first = send(sessions, "order-1", body=for_bob, caller=OPERATOR).json["session"]["id"]
    assert send(sessions, "order-1", body=for_bob, caller=OTHER).json["session"]["id"] == first
    assert send(sessions, "order-1").json["session"]["consumer_id"] == "alice"
