"""GET /sessions: who sees what, filters, pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.functions.calls import OPERATOR, OTHER, Client
from tests.functions.rentals import PATH, post
from tests.world import World


def test_lists_show_only_what_the_caller_may_see(sessions: Client) -> None:
    """N-5: whatever the parameters say."""
    post(sessions)
    post(sessions, OTHER, offer_id="vastai-1001")
    assert sessions("GET", PATH).json["count"] == 1
    assert sessions("GET", PATH, query={"consumer_id": "bob"}).status == 403
    assert sessions("GET", PATH, caller=OPERATOR).json["count"] == 2
    bobs = sessions("GET", PATH, query={"consumer_id": "bob"}, caller=OPERATOR).json
    assert [one["consumer_id"] for one in bobs["sessions"]] == ["bob"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "bogus"}, "status"),
        ({"status": "running,bogus"}, "status"),
        ({"provider": "nope"}, "provider"),
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "e30="}, "cursor"),
        ({"consumer_id": "a b"}, "consumer_id"),
    ],
)
def test_a_bad_list_parameter_is_refused_by_name(
    sessions: Client, query: dict[str, Any], field: str
) -> None:
    """M-15, M-72, M-100, N-58."""
    reply = sessions("GET", PATH, query=query)
    assert (reply.status, reply.fields) == (400, [field])
    if field == "status":
        assert "pending, provisioning, running, stopping, stopped, failed" in reply.json["error"]


def test_sessions_at_a_provider_that_was_switched_off_are_found(
    sessions: Client, wired: World
) -> None:
    """M-100: their machines may still run."""
    post(sessions)
    wired.deps = replace(wired.deps, enabled_providers=("tensordock",))
    listed = sessions("GET", PATH, query={"provider": "vastai"})
    assert (listed.status, listed.json["count"]) == (200, 1)


def test_pages_hold_every_session_once(sessions: Client, wired: World) -> None:
    """N-58, M-55: newest first; a cursor is bound to caller and filters."""
    made = []
    for number in range(7):
        wired.clock.tick(1)
        session = wired.create_without_offer(number)
        made.append(session.id)
    walked: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = sessions("GET", PATH, query=query).json
        walked += [one["id"] for one in page["sessions"]]
        if "next_cursor" not in page:
            break
        query = {"limit": 3, "cursor": page["next_cursor"]}
    assert walked == made[::-1]
    cursor = query["cursor"]
    assert sessions("GET", PATH, query={"cursor": cursor, "status": "failed"}).status == 400
    assert sessions("GET", PATH, query={"cursor": cursor}, caller=OTHER).status == 400
    wired.clock.tick(24 * 3_600 + 1)
    assert sessions("GET", PATH, query=query).status == 400


def test_sessions_are_found_by_status(sessions: Client) -> None:
    """M-15: several words may be given."""
    session_id = post(sessions).json["session"]["id"]
    sessions("DELETE", f"{PATH}/{session_id}")
    assert sessions("GET", PATH, query={"status": "pending"}).json["count"] == 0
    assert sessions("GET", PATH, query={"status": "pending,stopping"}).json["count"] == 1
