"""Extensions and overrides: how long a session may live, and what others write meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import (
    Conflict,
    HardMaxExceeded,
    IllegalTransition,
    SessionNotFound,
    ValidationFailed,
)
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import extending, sessions
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.provision import launch
from tests.usecases.story import running, stop, torn_down
from tests.world import ALICE, BOB, OPERATOR, World

HOUR_S = 3_600
WHY = "a training run"


def extend(world: World, session_id: str, hours: int = 1) -> Session:
    return extending.extend(world.deps, ALICE, session_id, hours)


def override(world: World, session_id: str, max_hours: int = 24) -> Session:
    return extending.override(world.deps, OPERATOR, session_id, max_hours, WHY)


def eleven_hours(world: World) -> str:
    session_id = running(world)
    extend(world, session_id, 9)
    return session_id


def disturbed(world: World, monkeypatch: pytest.MonkeyPatch, *others: Callable[[], Any]) -> None:
    """Between the next reads of a session and the writes that follow, others act."""
    read, left = store.get, list(others)

    def get(table: Any, session_id: str) -> Session:
        found = read(table, session_id)
        if left:
            left.pop(0)()
        return found

    monkeypatch.setattr(store, "get", get)


def test_a_young_session_is_extended_by_its_hours_and_not_by_its_age(world: World) -> None:
    """X-7, M-7: 11 + 2 is refused a minute after the creation, 11 + 1 is not."""
    session_id = eleven_hours(world)
    world.clock.tick(60)
    with pytest.raises(HardMaxExceeded) as refused:
        extend(world, session_id, 2)
    hours = {"reservation_hours": 11, "additional_hours": 2, "max_hours": 12}
    assert dict(refused.value.extra) == hours
    longer = extend(world, session_id, 1)
    assert longer.expires_at == longer.created_at + timedelta(hours=12) == longer.hard_max_at


@pytest.mark.parametrize("first", ["extend", "expire"])
def test_of_an_extension_and_an_expiry_at_one_instant_one_wins(
    world: World, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """2.15: the other is refused, or does nothing."""
    session_id = running(world)
    world.clock.tick(2 * HOUR_S - 1)

    def expire() -> None:
        world.clock.tick(1)
        expire_sessions(world.deps)

    if first == "expire":
        disturbed(world, monkeypatch, expire)
        with pytest.raises(IllegalTransition):
            extend(world, session_id)
        assert world.session(session_id).end_reason is EndReason.EXPIRED
        return
    decide_early = world.clock.at
    world.clock.tick(1)

    def extended_just_before() -> None:
        now, world.clock.at = world.clock.at, decide_early
        extend(world, session_id)
        world.clock.at = now

    disturbed(world, monkeypatch, extended_just_before)
    expire_sessions(world.deps)
    after = world.session(session_id)
    assert (after.state, after.reservation_hours) == (State.RUNNING, 3)


def test_after_three_lost_writes_an_extension_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-18: and nothing was reserved; two lost writes are made good."""
    session_id = running(world)

    def write() -> None:
        session = world.session(session_id)
        store.save(world.deps.sessions, session, sessions_next(session), session.expires_at)

    with monkeypatch.context() as patched:
        disturbed(world, patched, *[write] * 5)
        with pytest.raises(Conflict) as refused:
            extend(world, session_id)
    assert refused.value.extra["retry_suggested"] is True
    assert world.session(session_id).reservation_hours == 2
    disturbed(world, monkeypatch, write)
    assert extend(world, session_id).reservation_hours == 3


def sessions_next(session: Session) -> Session:
    return replace(session, version=session.version + 1)


def _extend(world: World, session_id: str) -> Any:
    return extend(world, session_id)


def _override(world: World, session_id: str) -> Any:
    return override(world, session_id)


def _done(world: World, session_id: str) -> Any:
    return sessions.request_stop(world.deps, ALICE, session_id)


def _delete(world: World, session_id: str) -> Any:
    return sessions.destroy(world.deps, ALICE, session_id)


each_act = pytest.mark.parametrize("act", [_extend, _override, _done, _delete])


@each_act
def test_what_vanishes_between_read_and_write_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[World, str], Any]
) -> None:
    """QA-H2."""
    session_id = running(world)
    key = {"pk": f"SESSION#{session_id}", "sk": "SESSION"}
    disturbed(world, monkeypatch, lambda: world.deps.sessions.delete_item(Key=key))
    with pytest.raises(SessionNotFound):
        act(world, session_id)


def _ended(world: World, session_id: str) -> None:
    stop(world, session_id)
    world.clock.tick(60)
    torn_down(world, session_id)


@pytest.mark.parametrize("act", [_extend, _override, _done])
def test_what_ends_between_read_and_write_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[World, str], Any]
) -> None:
    """QA-H2."""
    session_id = running(world)
    disturbed(world, monkeypatch, lambda: _ended(world, session_id))
    with pytest.raises(IllegalTransition):
        act(world, session_id)
    assert world.session(session_id).state is State.STOPPED


def test_deleting_what_ends_between_read_and_write_gives_it_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.4: 200, told once."""
    session_id = running(world)
    disturbed(world, monkeypatch, lambda: _ended(world, session_id))
    assert _delete(world, session_id).state is State.STOPPED
    assert world.operations().count("session_stopping") == 1


def test_an_override_lets_extensions_reach_its_hours_and_no_further(world: World) -> None:
    """N-39: by itself it lengthens nothing."""
    session_id = running(world)
    before = world.session(session_id)
    after = override(world, session_id, 40)
    assert (after.hard_max_hours, after.reservation_hours) == (40, 2)
    assert after.expires_at == before.expires_at
    assert after.hard_max_at == before.created_at + timedelta(hours=40)
    longer = extend(world, session_id, 38)
    assert longer.expires_at == longer.hard_max_at
    with pytest.raises(HardMaxExceeded) as refused:
        extend(world, session_id, 1)
    assert refused.value.extra["max_hours"] == 40


def test_more_than_twelve_hours_at_once_are_for_overridden_sessions(world: World) -> None:
    """2.15: without an override 13 is no number of hours; with one, 72 is."""
    session_id = running(world)
    with pytest.raises(ValidationFailed) as refused:
        extend(world, session_id, 13)
    assert refused.value.details == [("additional_hours", "additional_hours must be at most 12")]
    override(world, session_id, 13)
    with pytest.raises(HardMaxExceeded):
        extend(world, session_id, 13)
    override(world, session_id, 72)
    assert extend(world, session_id, 70).reservation_hours == 72


def test_the_hard_max_moves_with_an_override_and_then_ends_the_session(world: World) -> None:
    """N-39: not at 12 h, but at the new hour, as hard_max."""
    session_id = running(world)
    override(world, session_id, 13)
    extend(world, session_id, 11)
    world.clock.tick(12 * HOUR_S)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(HOUR_S - 1)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(1)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.HARD_MAX


def test_a_later_override_replaces_the_earlier_down_to_what_is_reserved(world: World) -> None:
    """2.15."""
    session_id = running(world)
    override(world, session_id, 72)
    extend(world, session_id, 14)
    with pytest.raises(ValidationFailed) as refused:
        override(world, session_id, 15)
    text = "max_hours must be at least 16, the hours that are reserved already"
    assert refused.value.details == [("max_hours", text)]
    assert world.session(session_id).hard_max_hours == 72
    assert override(world, session_id, 16).hard_max_hours == 16


def test_an_override_is_written_down_with_who_why_and_both_values(world: World) -> None:
    """N-39, 6.3: one event of the transition."""
    session_id = running(world)
    override(world, session_id, 13)
    override(world, session_id, 24)
    facts = [one for one in world.facts if one.operation == "hard_max_overridden"]
    hours = [(one.details["old_max_hours"], one.details["new_max_hours"]) for one in facts]
    assert hours == [(12, 13), (13, 24)]
    told = facts[1]
    assert (told.key_id, told.actor, told.reason) == (OPERATOR.key_id, "operator", WHY)
    assert (told.session_id, told.consumer_id) == (session_id, "alice")
    step = {name: told.details[name] for name in ("from", "to", "event", "version")}
    version = world.session(session_id).version
    assert step == {"from": "running", "to": "running", "event": "override", "version": version}


def test_an_override_waits_for_no_machine_and_comes_too_late_for_an_ending(world: World) -> None:
    """2.15: pending, provisioning, running; stopping, stopped no."""
    session_id = world.create().session.id
    assert override(world, session_id, 13).state is State.PENDING
    launch(world.deps, session_id, 1)
    assert override(world, session_id, 14).state is State.PROVISIONING
    stop(world, session_id)
    for state in (State.STOPPING, State.STOPPED):
        with pytest.raises(IllegalTransition) as refused:
            override(world, session_id, 15)
        assert (refused.value.extra["status"], refused.value.extra["allowed_events"]) == (state, [])
        world.clock.tick(60)
        torn_down(world, session_id)
    assert world.session(session_id).hard_max_hours == 14


def test_an_extension_asked_of_one_that_cannot_see_the_session_finds_none(world: World) -> None:
    """M-18, M-1."""
    session_id = running(world)
    with pytest.raises(SessionNotFound):
        extending.extend(world.deps, BOB, session_id, 99)
    with pytest.raises(SessionNotFound):
        override(world, "00000000-0000-4000-8000-00000000ffff")
