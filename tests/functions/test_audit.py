"""GET /audit: who did what, when and from where."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.instants import to_text
from gpu_shopper.usecases.auditing import tell
from gpu_shopper.usecases.deps import Fact
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client, Reply
from tests.functions.rentals import post
from tests.usecases.story import running, stop, torn_down
from tests.world import World

PATH = "/api/v1/audit"


@pytest.fixture
def audit(keys: Client) -> Client:
    """An operator who asks."""
    keys.caller = OPERATOR
    return keys


def asked(audit: Client, **query: Any) -> Reply:
    return audit("GET", PATH, query=query)


def told(reply: Reply) -> list[str]:
    return [one["operation"] for one in reply.json["events"]]


def whole_life(world: World) -> str:
    session_id = running(world)
    world.clock.tick(60)
    stop(world, session_id)
    torn_down(world, session_id)
    return session_id


LIFE = [
    "session_created",
    "attempt_started",
    "instance_launched",
    "session_running",
    "session_stopping",
    "instance_destroyed",
    "session_destroyed",
]


def test_the_events_of_a_session_come_in_order_of_time(world: World, audit: Client) -> None:
    """M-44: filtered by session id, each thing told once."""
    session_id = whole_life(world)
    tell(world.deps, Fact("offer_suppressed", session_id="another"))
    reply = asked(audit, session_id=session_id)
    assert (reply.status, told(reply)) == (200, LIFE)
    assert reply.json["count"] == len(LIFE)


def test_a_consumer_may_not_read_the_audit(audit: Client) -> None:
    """M-44."""
    assert audit("GET", PATH, caller=CONSUMER).status == 403


def test_pages_walk_all_events_once_while_others_are_added(world: World, audit: Client) -> None:
    """M-44, N-58."""
    whole_life(world)
    pages: list[str] = []
    more: dict[str, str] = {}
    while True:
        reply = asked(audit, consumer_id="alice", limit=2, **more)
        pages += told(reply)
        if "next_cursor" not in reply.json:
            break
        more = {"cursor": reply.json["next_cursor"]}
        tell(world.deps, Fact("offer_suppressed", consumer_id="alice"))
        world.clock.tick(5)
    assert pages == LIFE[::-1]


def test_a_cursor_is_good_for_its_question_and_key_for_a_day(world: World, audit: Client) -> None:
    """N-58."""
    session_id = whole_life(world)
    cursor = asked(audit, session_id=session_id, limit=2).json["next_cursor"]
    assert asked(audit, session_id=session_id, order="desc", cursor=cursor).status == 400
    other = audit("GET", PATH, caller=OPERATOR | {"key_id": "another0"}, query={"cursor": cursor})
    assert other.status == 400
    world.clock.tick(24 * 3600)
    assert asked(audit, session_id=session_id, limit=2, cursor=cursor).status == 200
    world.clock.tick(1)
    assert asked(audit, session_id=session_id, limit=2, cursor=cursor).fields == ["cursor"]


def test_every_filter_narrows_and_all_must_fit(world: World, audit: Client) -> None:
    session_id = whole_life(world)
    assert told(asked(audit, consumer_id="alice")) == LIFE[::-1]
    assert told(asked(audit, consumer_id="bob")) == []
    assert told(asked(audit, provider="vastai", order="asc")) == LIFE
    assert told(asked(audit, operation="session_running")) == ["session_running"]
    assert told(asked(audit)) == LIFE[::-1]
    assert told(asked(audit, session_id=session_id, operation="session_created")) == LIFE[:1]
    assert told(asked(audit, session_id=session_id, consumer_id="bob")) == []


def test_the_past_of_a_provider_that_was_switched_off_is_found(world: World, audit: Client) -> None:
    whole_life(world)
    world.deps = replace(world.deps, enabled_providers=("tensordock",))
    assert told(asked(audit, provider="vastai", order="asc")) == LIFE


def test_the_end_is_not_part_of_the_span_and_the_start_is(world: World, audit: Client) -> None:
    began = world.clock.at
    session_id = running(world)
    world.clock.tick(60)
    stop(world, session_id)
    stopped = world.clock.at
    before = asked(audit, session_id=session_id, end=to_text(stopped))
    assert told(before) == LIFE[:4]
    assert told(asked(audit, start=to_text(stopped))) == ["session_stopping"]
    assert told(asked(audit, start=to_text(began), end=to_text(stopped), order="asc")) == LIFE[:4]


def test_without_a_filter_a_day_is_shown_and_a_month_at_most(world: World, audit: Client) -> None:
    running(world)
    now = world.clock.at
    world.clock.tick(24 * 3600 - 1)
    assert len(told(asked(audit))) == 4
    world.clock.tick(2)
    assert told(asked(audit)) == []
    month = {"start": to_text(now), "end": to_text(now + timedelta(days=31))}
    assert len(told(asked(audit, **month))) == 4
    longer = month | {"end": to_text(now + timedelta(days=32))}
    assert asked(audit, **longer).fields == ["start"]
    assert asked(audit, **longer, consumer_id="alice").status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", "no-uuid"),
        ("consumer_id", "a b"),
        ("provider", "nobody"),
        ("operation", "sweep_completed"),
        ("start", "yesterday"),
        ("end", "2026-02-30T00:00:00Z"),
        ("end", "0001-01-01T00:00:00Z"),
        ("order", "up"),
        ("limit", "201"),
        ("cursor", "x"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(audit: Client, field: str, value: str) -> None:
    """M-72."""
    assert asked(audit, **{field: value}).fields == [field]


def test_start_must_come_before_end(audit: Client) -> None:
    at = "2026-02-07T12:00:00Z"
    assert asked(audit, start=at, end=at).fields == ["end"]


def test_a_start_that_lies_ahead_is_refused_by_its_own_name(world: World, audit: Client) -> None:
    """1.1: `end` was never given. A minute is left for clocks that differ."""
    now = world.clock.at
    assert asked(audit, start=to_text(now + timedelta(seconds=59))).status == 200
    assert asked(audit, start=to_text(now + timedelta(seconds=60))).fields == ["start"]


def test_an_event_tells_who_asked_from_where_and_by_which_request(
    sessions: Client, audit: Client
) -> None:
    """N-39, N-65: request id, key and address."""
    made = sessions(
        "POST",
        "/api/v1/sessions",
        body={"offer_id": "vastai-1001", "workload_type": "ssh", "reservation_hours": 1},
        headers={"X-Request-ID": "my-request"},
    )
    (event,) = asked(audit, session_id=made.json["session"]["id"]).json["events"]
    assert event["actor"] == {"type": "api_key", "key_id": CONSUMER["key_id"]}
    assert (event["request_id"], event["source_ip"]) == ("my-request", "198.51.100.9")
    assert event["details"] == {"offer_id": "vastai-1001", "version": 1}


def test_keys_are_audited_with_the_key_that_made_and_revoked_them(audit: Client) -> None:
    made = audit("POST", "/api/v1/keys", body={"role": "consumer", "consumer_id": "alice"})
    key_id = made.json["key"]["id"]
    for _ in range(2):
        assert audit("DELETE", f"/api/v1/keys/{key_id}").status == 200
    events = asked(audit, consumer_id="alice", order="asc").json["events"]
    assert [one["operation"] for one in events] == ["key_created", "key_revoked"]
    assert {one["actor"]["key_id"] for one in events} == {"operator"}
    assert {one["details"]["about_key_id"] for one in events} == {key_id}
    assert made.json["api_key"].rpartition("_")[2] not in str(events)


def test_a_refused_request_is_not_audited(sessions: Client, audit: Client) -> None:
    assert post(sessions, OTHER, offer_id="vastai-9999").status == 404
    assert told(asked(audit)) == []
