"""What became true is written down once, in the transaction that made it true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.life import apply
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.errors import Conflict
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.auditing import tell
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.facts import began_to_end
from gpu_shopper.usecases.writing import save
from tests.usecases.story import running
from tests.world import ALICE, World


def rows(world: World) -> list[dict[str, Any]]:
    found: Any = world.deps.audit
    return sorted(found.real.scan()["Items"], key=lambda item: item["sk"])


def told(world: World) -> list[str]:
    return [item["operation"] for item in rows(world)]


def test_a_write_that_lost_leaves_no_event(world: World) -> None:
    """N-29: the event is in the transaction of the change: neither is there alone."""
    session = world.session(running(world))
    sessions.request_stop(world.deps, ALICE, session.id)
    before = told(world)
    event, reason = Event.REQUEST_STOP, EndReason.USER_REQUESTED
    after = apply(session, event, Actor.API, world.clock.at, reason=reason)
    with pytest.raises(Conflict):
        save(world.deps, session, after, [began_to_end(session, after, event, Actor.API)])
    assert told(world) == before
    assert before.count("session_stopping") == 1


def test_a_refused_event_leaves_no_change(world: World) -> None:
    """N-29: the other way round."""
    session = world.session(running(world))
    taken = world.deps.new_id()
    deps = replace(world.deps, new_id=lambda: taken)
    event, reason = Event.REQUEST_STOP, EndReason.USER_REQUESTED
    after = apply(session, event, Actor.API, world.clock.at, reason=reason)
    fact = began_to_end(session, after, event, Actor.API)
    tell(deps, fact)
    with pytest.raises(Conflict):
        save(deps, session, after, [fact])
    assert world.session(session.id).state is State.RUNNING


def test_ten_deletes_are_one_event(world: World) -> None:
    """M-6."""
    session_id = running(world)
    for _ in range(10):
        sessions.destroy(world.deps, ALICE, session_id)
    assert told(world).count("session_stopping") == 1


def test_only_what_the_audit_is_for_is_stored(world: World) -> None:
    tell(world.deps, Fact("sweep_completed"), Fact("host_key_changed", session_id="s"))
    assert told(world) == ["host_key_changed"]
    assert world.operations()[-2:] == ["sweep_completed", "host_key_changed"]


def test_an_event_is_kept_for_400_days(world: World) -> None:
    tell(world.deps, Fact("key_created"))
    kept_until = world.clock.at + timedelta(days=400)
    assert rows(world)[0]["ttl"] == int(kept_until.timestamp())


def test_an_event_that_was_written_already_is_not_written_again(world: World) -> None:
    """A put whose answer was lost is sent again by the client."""
    deps = replace(world.deps, new_id=lambda: "00000000-0000-4000-8000-00000000abcd")
    tell(deps, Fact("key_created", reason="first"))
    tell(deps, Fact("key_created", reason="second"))
    assert [item["reason"] for item in rows(world)] == ["first"]


def test_each_transition_is_told_with_from_to_event_and_version(world: World) -> None:
    """M-94."""
    session = world.session(running(world))
    assert [item["operation"] for item in rows(world) if "from" in item["details"]] == [
        "attempt_started",
        "session_running",
    ]
    assert f'"version": {session.version}' in rows(world)[-1]["details"]
