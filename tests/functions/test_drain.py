"""Drains as callers ask for them and see them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import ADDRESS
from tests.functions.calls import Client
from tests.functions.rentals import PATH, post
from tests.usecases.story import running
from tests.usecases.test_drain import PRESERVE
from tests.world import World

NOON_AND_TEN_MINUTES = "2026-02-07T12:10:00.000Z"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"storage_policy": "keep"}, "storage_policy"),
        ({"storage_policy": "preserve", "drain_minutes": 0}, "drain_minutes"),
        ({"storage_policy": "preserve", "drain_minutes": 31}, "drain_minutes"),
        ({"storage_policy": "destroy", "drain_minutes": 10}, "drain_minutes"),
        ({"drain_minutes": 10}, "drain_minutes"),
    ],
)
def test_what_cannot_be_drained_is_refused(
    sessions: Client, wired: World, fields: dict[str, Any], field: str
) -> None:
    """N-48, M-34, X-17: out of range, unknown, or without the policy that it belongs to."""
    reply = post(sessions, **fields)
    assert (reply.status, reply.fields) == (400, [field])
    assert wired.deps.sessions.scan()["Count"] == 0


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, ("destroy", None)),
        ({"storage_policy": "preserve"}, ("preserve", 10)),
        ({"storage_policy": "preserve", "drain_minutes": 30}, ("preserve", 30)),
    ],
)
def test_a_session_shows_what_was_asked_for(
    sessions: Client, fields: dict[str, Any], shown: tuple[str, int | None]
) -> None:
    """1.4: defaults filled in."""
    session = post(sessions, **fields).json["session"]
    assert (session["storage_policy"], session.get("drain_minutes")) == shown
    assert "drain_until" not in session


def test_done_tells_until_when_the_machine_stays_and_the_session_where(
    sessions: Client, wired: World
) -> None:
    """N-48: a repeated `done` says the same."""
    path = f"{PATH}/{running(wired, **PRESERVE)}"
    first = sessions("POST", f"{path}/done")
    assert (first.status, first.json["drain_until"]) == (202, NOON_AND_TEN_MINUTES)
    wired.clock.tick(60)
    assert sessions("POST", f"{path}/done").json == first.json
    session = sessions("GET", path).json
    assert (session["status"], session["drain_until"]) == ("stopping", NOON_AND_TEN_MINUTES)
    assert (session["ssh_host"], session["ssh_port"]) == (ADDRESS.host, ADDRESS.port)


def test_a_delete_has_no_drain_to_tell_of(sessions: Client, wired: World) -> None:
    """1.4: it ended, and says what every DELETE says."""
    path = f"{PATH}/{running(wired, **PRESERVE)}"
    sessions("POST", f"{path}/done")
    reply = sessions("DELETE", path)
    assert (reply.status, set(reply.json)) == (202, {"message", "session_id", "status"})
    assert wired.machines.names()[-1] == "teardown-r0"


def test_done_under_destroy_has_none_either(sessions: Client, wired: World) -> None:
    path = f"{PATH}/{running(wired)}"
    assert "drain_until" not in sessions("POST", f"{path}/done").json
