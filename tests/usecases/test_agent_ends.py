"""The sweep's look at heartbeats: what ends a session, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import Unauthorized
from gpu_shopper.errors.provider import ProviderUnavailable
from gpu_shopper.store import beats
from gpu_shopper.usecases import heartbeats
from gpu_shopper.usecases.expire import expire_sessions
from tests.usecases.agents import API_URL, beat, rented, several, states, sweep
from tests.usecases.story import stop, torn_down
from tests.world import World


@pytest.fixture(autouse=True)
def _known_address(world: World) -> None:
    world.deps = replace(world.deps, api_url=API_URL)


def test_idle_for_longer_than_the_threshold_ends_the_session_at_the_next_sweep(
    world: World,
) -> None:
    """N-63, X-17: strictly."""
    session_id, token = rented(world, idle_threshold_min=10)
    beat(world, session_id, token, 600)
    sweep(world)
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(30)
    beat(world, session_id, token, 601)
    sweep(world, 30)
    session = world.session(session_id)
    assert (session.state, session.end_reason) == (State.STOPPING, EndReason.IDLE)
    assert world.machines.names()[-1] == "teardown-r0"
    (fact,) = [one for one in world.facts if one.operation == "idle_shutdown"]
    assert fact.metrics == {"IdleShutdowns": 1}
    assert fact.details["event"] == "idle"


def test_unknown_idleness_and_a_threshold_of_0_end_nothing(world: World) -> None:
    """N-63."""
    watched, token = rented(world, idle_threshold_min=1)
    for _ in range(3):
        beat(world, watched, token, None)
        sweep(world, 60)
    assert world.session(watched).state is State.RUNNING


def test_a_threshold_of_0_is_never(world: World) -> None:
    """N-63."""
    session_id, token = rented(world)
    for _ in range(2):
        beat(world, session_id, token, 10**6)
        sweep(world, 60)
    assert world.session(session_id).state is State.RUNNING


def test_silence_for_more_than_5_minutes_after_a_heartbeat_ends_the_session(
    world: World,
) -> None:
    """N-63."""
    session_id, token = rented(world)
    beat(world, session_id, token)
    sweep(world, 300)
    assert world.session(session_id).state is State.RUNNING
    sweep(world, 1)
    session = world.session(session_id)
    assert (session.state, session.end_reason) == (State.STOPPING, EndReason.HEARTBEAT_TIMEOUT)
    (fact,) = [one for one in world.facts if one.operation == "heartbeat_timeout"]
    assert fact.metrics == {"HeartbeatTimeouts": 1}


def test_an_agent_that_never_reported_ends_nothing_and_is_warned_of_after_10_minutes(
    world: World,
) -> None:
    """N-63: once."""
    session_id, _ = rented(world)
    sweep(world, 599)
    assert world.session(session_id).warnings == ()
    sweep(world, 1)
    sweep(world, 120)
    session = world.session(session_id)
    assert session.state is State.RUNNING
    assert [one.code for one in session.warnings] == ["agent_not_reporting"]


def test_an_agent_that_has_reported_is_not_warned_of(world: World) -> None:
    session_id, token = rented(world)
    for _ in range(11):
        beat(world, session_id, token)
        sweep(world, 60)
    assert world.session(session_id).warnings == ()


def test_a_heartbeat_changes_no_version_and_is_kept_once_in_10_s(world: World) -> None:
    session_id, token = rented(world)
    before = world.session(session_id).version
    for seconds, idle_s, kept in ((0, 1, 1), (9.999, 2, 1), (0.001, 3, 3)):
        world.clock.tick(seconds)
        beat(world, session_id, token, idle_s)
        found = beats.find(world.deps.sessions, session_id)
        assert found is not None
        assert found.idle_s == kept
    assert world.session(session_id).version == before


def test_a_stopping_session_takes_heartbeats_and_changes_nothing(world: World) -> None:
    """1.5; its last one is not looked at again."""
    session_id, token = rented(world, idle_threshold_min=1)
    beat(world, session_id, token, 10)
    stop(world, session_id)
    world.clock.tick(20)
    assert beat(world, session_id, token, 5_000).state is State.STOPPING
    found = beats.find(world.deps.sessions, session_id)
    assert found is not None
    assert found.idle_s == 10
    sweep(world, 301)
    assert beats.watched(world.deps.sessions) == []
    assert world.session(session_id).end_reason is EndReason.USER_REQUESTED


def test_the_token_of_a_session_that_has_ended_is_void(world: World) -> None:
    """1.5."""
    session_id, token = rented(world)
    beat(world, session_id, token)
    stop(world, session_id)
    torn_down(world, session_id)
    with pytest.raises(Unauthorized):
        beat(world, session_id, token)


def test_more_than_half_falling_silent_together_is_our_fault_and_ends_nobody(
    world: World,
) -> None:
    """2.12: two of three, within 5 minutes of each other."""
    all_three = several(world, 3)
    for session_id, token in all_three:
        beat(world, session_id, token)
        world.clock.tick(10)
    for _ in range(8):
        beat(world, *all_three[2])
        sweep(world, 50)
    assert states(world, all_three) == ["running"] * 3
    assert any(one.metrics == {"AgentOutages": 1} for one in world.facts)


def test_one_of_three_that_falls_silent_ends(world: World) -> None:
    all_three = several(world, 3)
    for session_id, token in all_three:
        beat(world, session_id, token)
    for _ in range(6):
        for session_id, token in all_three[1:]:
            beat(world, session_id, token)
        sweep(world, 60)
    assert states(world, all_three) == ["stopping", "running", "running"]
    assert "agent_outage" not in world.operations()


def test_nobody_is_silent_while_heartbeats_got_errors_of_ours(world: World) -> None:
    """2.12: for 5 minutes after the last of them."""
    session_id, token = rented(world)
    beat(world, session_id, token)
    sweep(world, 200)
    heartbeats.note_failure(world.deps)
    sweep(world, 300)
    assert world.session(session_id).state is State.RUNNING
    sweep(world, 1)
    assert world.session(session_id).end_reason is EndReason.HEARTBEAT_TIMEOUT


def test_nobody_is_silent_in_the_first_sweep_after_a_pause_of_ours(world: World) -> None:
    session_id, token = rented(world)
    sweep(world)
    beat(world, session_id, token)
    world.clock.tick(301)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING
    sweep(world, 30)
    assert world.session(session_id).end_reason is EndReason.HEARTBEAT_TIMEOUT


def test_one_agent_that_cannot_be_judged_does_not_keep_another_running(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-33."""
    first, second = several(world, 2, idle_threshold_min=1)
    for session_id, token in (first, second):
        beat(world, session_id, token, 61)
    real = beats.find

    def broken(table: Any, session_id: str) -> Any:
        if session_id == first[0]:
            raise ProviderUnavailable("the store hiccups")
        return real(table, session_id)

    monkeypatch.setattr(beats, "find", broken)
    swept = expire_sessions(world.deps)
    assert swept.failed == (first[0],)
    assert states(world, [first, second]) == ["running", "stopping"]


def test_the_gauge_tells_the_age_of_the_oldest_last_heartbeat(world: World) -> None:
    first, second = several(world, 2)
    beat(world, *first)
    world.clock.tick(40)
    beat(world, *second)
    sweep(world, 20)
    gauges = [
        one.metrics["HeartbeatAgeMax"] for one in world.facts if "HeartbeatAgeMax" in one.metrics
    ]
    assert gauges == [60]
