"""Sessions with an agent: its installation, its tokens, what is shown of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.api_keys import digest
from gpu_shopper.errors import Unauthorized, ValidationFailed
from gpu_shopper.errors.provider import NoCapacity
from gpu_shopper.usecases import heartbeats
from gpu_shopper.usecases.agents import reported
from gpu_shopper.usecases.provision import launch
from tests.builders import a_template
from tests.usecases.agents import API_URL, beat, machines_token, rented
from tests.usecases.story import running, stop, torn_down
from tests.world import World


@pytest.fixture(autouse=True)
def _known_address(world: World) -> None:
    world.deps = replace(world.deps, api_url=API_URL)


def test_a_session_without_an_agent_has_no_token_and_no_command(world: World) -> None:
    session_id = running(world)
    session = world.session(session_id)
    assert (session.agent_token_sha256, session.attempt.agent_token_sha256) == (None, None)
    assert world.vast.requests[-1].agent_cmd is None
    assert reported(world.deps, [session]) == {}


def test_the_machine_gets_a_token_of_its_own_and_only_hashes_are_kept(world: World) -> None:
    """2.12: neither token is in any item, fact or log."""
    session_id, token = rented(world)
    session, machines = world.session(session_id), machines_token(world)
    assert session.agent_token_sha256 == digest(token)
    assert session.attempt.agent_token_sha256 == digest(machines)
    assert token != machines
    kept = str(world.deps.sessions.scan()["Items"]) + str(world.facts) + repr(session)
    assert token not in kept
    assert machines not in kept


def test_the_agent_is_told_its_session_its_end_and_where_we_are(world: World) -> None:
    session_id, _ = rented(world)
    command = world.vast.requests[-1].agent_cmd or ""
    assert f"SHOPPER_SESSION_ID={session_id} " in command
    assert "SHOPPER_EXPIRES_AT=2026-02-07T14:00:00.000Z " in command
    assert f"SHOPPER_URL={API_URL} " in command


def test_both_tokens_are_good_for_heartbeats(world: World) -> None:
    session_id, token = rented(world)
    for one in (token, machines_token(world)):
        assert beat(world, session_id, one).id == session_id


def test_the_agent_of_a_failed_attempt_cannot_speak_for_its_heir(market: World) -> None:
    created = market.create(agent=True, auto_retry=True)
    session_id = created.session.id
    market.deps = replace(market.deps, api_url=API_URL)
    market.vast.errors["launch"] = [NoCapacity("none"), None]
    launch(market.deps, session_id, 1)
    first = machines_token(market)
    assert market.session(session_id).attempt.number == 2
    launch(market.deps, session_id, 2)
    assert beat(market, session_id, machines_token(market)).attempt.number == 2
    with pytest.raises(Unauthorized):
        beat(market, session_id, first)
    assert beat(market, session_id, created.secrets.get("agent_token") or "")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}x"])
def test_whoever_has_no_token_of_it_is_refused_in_one_text(
    world: World, header: str | None
) -> None:
    """E2E-1: and an unknown session is refused in the same."""
    session_id, token = rented(world)
    shown = header.format(token) if header else header
    for one in (session_id, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(Unauthorized, match="^" + heartbeats.REFUSED):
            heartbeats.authenticate(world.deps, one, shown)


def test_a_session_without_an_agent_has_no_good_token(world: World) -> None:
    """Not even one whose hash would be that of nothing."""
    session_id = running(world)
    for token in ("", "None", digest("")):
        with pytest.raises(Unauthorized):
            heartbeats.authenticate(world.deps, session_id, f"Bearer {token}")


def test_a_caller_is_shown_what_the_agent_last_told(world: World) -> None:
    session_id, token = rented(world, idle_threshold_min=10)

    def status() -> Any:
        return reported(world.deps, [world.session(session_id)])[session_id]

    assert status().status == "waiting"
    beat(world, session_id, token, 42)
    world.clock.tick(90)
    assert (status().status, status().idle_s) == ("reporting", 42)
    world.clock.tick(1)
    assert status().status == "silent"
    stop(world, session_id)
    torn_down(world, session_id)
    assert (status().status, status().idle_s) == (None, 42)


def long_template(world: World) -> dict[str, Any]:
    world.publish_templates(a_template(onstart="x" * 1_001))
    return {"template_hash_id": a_template().hash_id}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (lambda _: {"on_start_cmd": "x" * 1_001}, "on_start_cmd"),
        (long_template, "agent"),
    ],
)
def test_what_leaves_no_room_for_the_agent_is_refused_by_name(
    world: World, wanted: Callable[[World], dict[str, Any]], field: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        world.create(agent=True, **wanted(world))
    assert [name for name, _ in refused.value.details] == [field]


def test_a_command_of_1000_characters_and_the_agent_both_reach_the_machine(
    world: World,
) -> None:
    """The host key is what gives way: the first one seen is trusted then."""
    rented(world, on_start_cmd="x" * 1_000)
    request = world.vast.requests[-1]
    assert request.on_start_cmd == "x" * 1_000
    assert request.agent_cmd
