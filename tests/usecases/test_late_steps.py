"""Steps that die, come late or come twice while attempts follow each other."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.evidence import never_called
from gpu_shopper.core.instances import Instance
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import NoCapacity
from gpu_shopper.usecases.attempts import fail_attempt, refuse
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.teardown import ask, prove
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeProbe
from tests.usecases.market import (
    failing_over_ssh,
    offers,
    until_failing,
    wanting_retries,
)
from tests.usecases.player import Player
from tests.usecases.story import DONE
from tests.world import World


def test_a_dead_execution_cannot_keep_a_failed_attempt_alive(market: World) -> None:
    """2.14: the sweep fails the attempt, tears it down again, and again."""
    session_id = wanting_retries(market, ssh_timeout_min=1)
    launch(market.deps, session_id, 1)
    market.clock.tick(120)
    expire_sessions(market.deps)
    assert market.session(session_id).attempt.has_failed
    assert market.machines.names()[-1] == "teardown-r0"
    market.clock.tick(60)
    expire_sessions(market.deps)
    assert market.machines.names()[-1] == "teardown-r1"
    Player(market).until(session_id, State.RUNNING)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2001"]


def _is(attempt: Attempt, being: str) -> bool:
    return attempt.has_failed if being == "torn down" else attempt.ssh is not None


@pytest.mark.parametrize("while_being", ["verified", "torn down"])
def test_steps_of_an_old_attempt_do_nothing_to_the_new_one(market: World, while_being: str) -> None:
    """N-29: delivered late, and out of place."""
    session_id, player = failing_over_ssh(market)
    while market.session(session_id).attempt.number == 1:
        player.next()
    while not _is(market.session(session_id).attempt, while_being):
        player.next()
    before = market.session(session_id)
    calls = list(market.vast.calls)
    for step in (launch, look, ask, prove):
        assert step(market.deps, session_id, 1) == DONE
    assert verify(market.deps, FakeProbe(), session_id, 1) == DONE
    assert (market.session(session_id), market.vast.calls) == (before, calls)


def test_a_login_that_ends_after_its_attempt_failed_changes_nothing(market: World) -> None:
    """N-29: the try was under way while the sweep gave the attempt up."""
    session_id = wanting_retries(market, ssh_timeout_min=1)
    launch(market.deps, session_id, 1)
    look(market.deps, session_id, 1)

    class Slow(FakeProbe):
        def __call__(self, *given: Any) -> Any:
            market.clock.tick(120)
            expire_sessions(market.deps)
            return super().__call__(*given)

    assert verify(market.deps, Slow(), session_id, 1) == DONE
    session = market.session(session_id)
    assert session.is_tearing_down
    assert session.state is State.PROVISIONING


@pytest.mark.parametrize("method", ["find", "attach_ssh_keys"])
def test_a_look_that_ends_after_its_attempt_failed_changes_nothing(
    market: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """N-29: the provider answered late; the address of a machine that ends is of no use."""
    market.vast.key_errors = ["503"]
    session_id = wanting_retries(market, ssh_timeout_min=2)
    launch(market.deps, session_id, 1)
    asked = getattr(market.vast, method)
    left: list[Session] = []

    def late(*given: Any) -> Any:
        monkeypatch.undo()
        market.clock.tick(180)
        expire_sessions(market.deps)
        left.append(market.session(session_id))
        return asked(*given)

    monkeypatch.setattr(market.vast, method, late)
    look(market.deps, session_id, 1)
    assert left[0].attempt.has_failed
    assert [market.session(session_id)] == left


def test_a_second_attempts_machine_is_no_orphan_and_the_first_one_risen_is(market: World) -> None:
    """N-23: an older attempt's machine is destroyed; the current one stays."""
    session_id, player = failing_over_ssh(market)
    until_failing(market, player, session_id)
    ghost: Instance = market.vast.instances["5001"]
    player.probe.results = [SshResult.READY]
    player.until(session_id, State.RUNNING)
    assert "orphan_detected" not in market.operations()
    market.vast.instances["5001"] = ghost
    market.clock.tick(1)
    for _ in range(400):
        player.next()
        if "5001" not in market.vast.instances:
            break
    assert set(market.vast.instances) == {"5002"}
    assert market.operations().count("orphan_detected") == 1


def test_a_listing_older_than_the_proof_makes_no_orphan(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-23: the old machine was listed, then proven gone, then the sessions were read."""
    session_id, player = failing_over_ssh(market)
    until_failing(market, player, session_id)
    seen = list(market.vast.instances.values())

    def listed_first() -> list[Instance]:
        monkeypatch.undo()
        while market.session(session_id).attempt.number == 1:
            player.next()
        return seen

    market.clock.tick(1)
    monkeypatch.setattr(market.vast, "list_instances", listed_first)
    assert reconcile(market.deps, "vastai").orphans == 0
    assert "orphan_detected" not in market.operations()


def test_a_failed_attempts_vanished_machine_is_no_ghost(market: World) -> None:
    """2.13: its teardown proves it gone, and its own reason stays."""
    session_id = wanting_retries(market, ssh_timeout_min=1)
    launch(market.deps, session_id, 1)
    market.clock.tick(120)
    expire_sessions(market.deps)
    market.vast.instances.clear()
    for _ in range(15):
        market.clock.tick(60)
        assert reconcile(market.deps, "vastai").ghosts == 0
    assert market.session(session_id).is_tearing_down
    assert "ghost_detected" not in market.operations()


def test_an_attempt_that_never_leaves_pending_ends_its_session(market: World) -> None:
    """M-8: also a second one, two minutes after it began; nothing of it was rented."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out")]
    launch(market.deps, session_id, 1)
    market.clock.tick(60)
    expire_sessions(market.deps)
    assert market.machines.started[-1][2:] == (2, 1)
    market.clock.tick(60)
    expire_sessions(market.deps)
    session = market.session(session_id)
    assert (session.state, session.end_reason) == (State.FAILED, EndReason.PROVISION_TIMEOUT)
    assert market.vast.count("launch") == 1


def test_what_an_old_attempt_failed_of_does_not_end_the_new_one(market: World) -> None:
    """N-29: judged from what was read before the next attempt began."""
    session_id, player = failing_over_ssh(market)
    while market.session(session_id).attempt.instance_id is None:
        player.next()
    judged = market.session(session_id)
    while market.session(session_id).attempt.instance_id in (None, "5001"):
        player.next()
    before = market.session(session_id)
    fail_attempt(market.deps, judged, EndReason.AUTH_FAILED, "refused")
    refuse(market.deps, judged, EndReason.NO_CAPACITY, "sold out", never_called(market.clock.at))
    assert market.session(session_id) == before
