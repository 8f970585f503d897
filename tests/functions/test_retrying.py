"""Retries as callers ask for them and see them."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.states import State
from gpu_shopper.errors.provider import NoCapacity
from gpu_shopper.usecases.provision import launch
from tests.builders import an_offer
from tests.functions.calls import Client
from tests.functions.rentals import PATH, post
from tests.usecases.player import Player
from tests.world import World


@pytest.mark.parametrize(
    ("asked", "shown", "warned"),
    [
        ({}, (False, 3, "same_gpu"), []),
        ({"auto_retry": True}, (True, 3, "same_gpu"), []),
        ({"auto_retry": True, "max_retries": 0}, (True, 0, "same_gpu"), []),
        ({"auto_retry": True, "max_retries": 5}, (True, 5, "same_gpu"), []),
        ({"max_retries": 6}, (False, 5, "same_gpu"), ["max_retries_capped"]),
        ({"max_retries": 10**18}, (False, 5, "same_gpu"), ["max_retries_capped"]),
        ({"auto_retry": True, "retry_scope": "any"}, (True, 3, "any"), []),
    ],
)
def test_what_was_asked_for_is_shown_with_its_defaults(
    sessions: Client, asked: dict[str, Any], shown: tuple[bool, int, str], warned: list[str]
) -> None:
    """N-16, 1.4: above five is taken as five, with a warning; a later GET shows the same."""
    session = post(sessions, **asked).json["session"]
    words = (session["auto_retry"], session["max_retries"], session["retry_scope"])
    assert words == shown
    assert [one["code"] for one in session["warnings"]] == warned
    assert sessions("GET", f"{PATH}/{session['id']}").json == session


def test_a_retry_shows_in_the_session_it_belongs_to(sessions: Client, wired: World) -> None:
    """N-15: same id, key and expiry; counters that agree; no field names another session."""
    second = an_offer(id="vastai-2001", provider_id="2001", machine_id="88")
    wired.vast.offers.append(second)
    wired.clock.tick(1)
    wired.publish()
    created = post(sessions, auto_retry=True).json["session"]
    path = f"{PATH}/{created['id']}"
    wired.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(wired.deps, created["id"], 1)
    between = sessions("GET", path).json
    assert (between["status"], between["offer_id"]) == ("pending", "vastai-2001")
    assert "ssh_host" not in between
    Player(wired).until(created["id"], State.RUNNING)
    session = sessions("GET", path).json
    assert session["expires_at"] == created["expires_at"]
    assert (session["retry_count"], session["failed_offers"]) == (1, ["vastai-1001"])
    first, last = session["attempts"]
    assert (first["number"], first["outcome"], first["reason"]) == (1, "refused", "no_capacity")
    assert first["ended_at"]
    assert "instance_id" not in first
    assert (last["number"], last["outcome"], last["instance_id"]) == (2, "ready", "5001")
    assert last["label"].endswith(f"{created['id']}-2")
    assert last["price_per_hour"] == 0.4
    assert not [name for name in session if "parent" in name or "child" in name]
