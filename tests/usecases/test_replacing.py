"""Automatic retry after a machine that failed: proven gone first, never two at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gpu_shopper.core.costs import session_cost
from gpu_shopper.core.instances import Health
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import RentedDespiteError
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from tests.builders import PUBLIC_KEY
from tests.fakes import FakeProbe
from tests.usecases.market import (
    failing_over_ssh,
    offers,
    outcomes,
    until_failing,
    wanting_retries,
)
from tests.usecases.player import Player
from tests.usecases.story import stop
from tests.world import World


def test_a_machine_that_never_answers_is_proven_gone_before_the_next_is_rented(
    market: World,
) -> None:
    """X-5, N-16: the first times out, the second runs, under the caller's key."""
    session_id, player = failing_over_ssh(market)
    until_failing(market, player, session_id)
    failing = market.session(session_id)
    assert (failing.state, failing.attempt.number) == (State.PROVISIONING, 1)
    assert (failing.attempt.outcome, failing.attempt.ssh) == (Outcome.FAILED, None)
    assert failing.end_reason is None
    player.probe.results = [SshResult.READY]
    player.until(session_id, State.RUNNING)
    first, second = market.session(session_id).attempts
    assert (first.outcome, first.reason) == (Outcome.FAILED, EndReason.SSH_TIMEOUT)
    assert first.ended_at is not None
    assert first.ended_at <= second.started_at
    assert market.vast.keys["5002"] >= {PUBLIC_KEY}
    assert player.most_alive == 1
    counted = [fact for fact in market.facts if "RetrySuccesses" in fact.metrics]
    assert [fact.dimensions for fact in counted] == [{"Scope": "same_gpu"}]
    (again,) = [fact for fact in market.facts if "RetryAttempts" in fact.metrics]
    assert again.dimensions == {"Scope": "same_gpu", "Reason": "ssh_timeout"}
    assert "instance_destroyed" in market.operations()


def test_with_a_slow_destroy_there_are_never_two_machines(market: World) -> None:
    """N-16: ten minutes of accepted terminates that change nothing, and an alarm."""
    session_id, player = failing_over_ssh(market)
    market.vast.ignores_terminate = True
    until_failing(market, player, session_id)
    end = market.clock.at.timestamp() + 600
    while market.clock.at.timestamp() < end:
        player.next()
    session = market.session(session_id)
    assert (session.state, session.attempt.number) == (State.PROVISIONING, 1)
    assert market.operations().count("destroy_delayed") == 1
    market.vast.ignores_terminate = False
    player.probe.results = [SshResult.READY]
    player.until(session_id, State.RUNNING)
    running = market.session(session_id)
    assert (player.most_alive, running.attempt.number) == (1, 2)
    assert not running.stop_delay_noted
    first = running.attempts[0]
    assert first.launched_at is not None
    assert first.ended_at is not None
    billed = replace(running, attempts=running.attempts[:1])
    seconds = (first.ended_at - first.launched_at).total_seconds()
    assert session_cost(billed, market.clock.at) == round(400_000 * seconds / 3_600)


def test_a_stop_while_the_old_machine_is_torn_down_wins(market: World) -> None:
    """2.7: no further attempt, and the end is the caller's."""
    session_id, player = failing_over_ssh(market)
    until_failing(market, player, session_id)
    stop(market, session_id)
    player.until(session_id, State.STOPPED)
    session = market.session(session_id)
    assert session.end_reason is EndReason.USER_REQUESTED
    assert outcomes(market, session_id) == [(Outcome.FAILED, EndReason.SSH_TIMEOUT)]
    assert market.vast.instances == {}
    assert market.vast.count("launch") == 1


def test_a_stop_between_the_proof_and_the_next_attempt_wins(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.7: the offer was chosen already, and is not rented."""
    session_id, player = failing_over_ssh(market)
    until_failing(market, player, session_id)

    def stopped_first(*_: object) -> frozenset[str]:
        stop(market, session_id)
        return frozenset()

    monkeypatch.setattr("gpu_shopper.usecases.retrying._held", stopped_first)
    player.until(session_id, State.STOPPED)
    assert offers(market, session_id) == ["vastai-1001"]


def test_a_failed_attempt_without_an_heir_ends_under_its_own_reason(world: World) -> None:
    """2.7: proven gone first, then failed; each change of state is told once."""
    session_id, player = failing_over_ssh(world)
    player.until(session_id, State.FAILED)
    session = world.session(session_id)
    assert session.end_reason is EndReason.SSH_TIMEOUT
    assert session.error is not None
    assert session.error.endswith("; no comparable offer")
    assert world.vast.instances == {}
    steps = [fact.details["event"] for fact in world.facts if "event" in fact.details]
    assert steps == ["launch", "fail_provisioning", "confirm_gone"]
    assert world.operations().count("attempt_failed") == 1


def test_no_attempt_starts_when_the_proof_comes_too_late(market: World) -> None:
    """2.7: with less than ten minutes left."""
    session_id, player = failing_over_ssh(market, reservation_hours=1)
    until_failing(market, player, session_id)
    market.clock.at = market.session(session_id).expires_at - timedelta(seconds=599)
    player.until(session_id, State.FAILED)
    session = market.session(session_id)
    assert session.end_reason is EndReason.SSH_TIMEOUT
    assert session.error is not None
    assert "too little time left" in session.error
    assert len(session.attempts) == 1


def test_a_reservation_that_expires_during_a_teardown_is_over(market: World) -> None:
    """2.15: expires_at in provisioning: provision_timeout, no retry."""
    session_id, player = failing_over_ssh(market, reservation_hours=1)
    until_failing(market, player, session_id)
    market.vast.ignores_terminate = True
    market.clock.at = market.session(session_id).expires_at
    player.until(session_id, State.STOPPING)
    session = market.session(session_id)
    assert session.end_reason is EndReason.PROVISION_TIMEOUT
    assert outcomes(market, session_id) == [(Outcome.FAILED, EndReason.SSH_TIMEOUT)]
    market.vast.ignores_terminate = False
    player.until(session_id, State.FAILED)


def test_an_instance_that_stops_right_after_its_launch_is_replaced(market: World) -> None:
    """BUG-011: by the second poll that shows it, destroyed, proven gone, blamed, tried again."""
    session_id = wanting_retries(market)
    launch(market.deps, session_id, 1)
    dead = replace(market.vast.instances["5001"], health=Health.FAILED, status="exited")
    market.vast.instances["5001"] = dead
    started = market.clock.at
    market.clock.tick(look(market.deps, session_id, 1).wait_s)
    assert not market.session(session_id).is_tearing_down
    look(market.deps, session_id, 1)
    assert market.session(session_id).is_tearing_down
    assert (market.clock.at - started).total_seconds() < 60
    player = Player(market)
    player.until(session_id, State.RUNNING)
    first = market.session(session_id).attempts[0]
    assert (first.outcome, first.reason) == (Outcome.FAILED, EndReason.INSTANCE_STOPPED)
    assert "offer_failed" in market.operations()
    assert player.most_alive == 1


def test_a_machine_rented_despite_an_error_is_ended_before_the_next(market: World) -> None:
    """2.9: the reply says error and names an instance."""
    session_id = wanting_retries(market)
    market.vast.rents_despite_error = True
    market.vast.errors["launch"] = [RentedDespiteError("low bid", instance_id="5001"), None]
    player = Player(market)
    player.until(session_id, State.RUNNING)
    assert set(market.vast.instances) == {"5002"}
    assert player.most_alive == 1


def test_a_key_that_cannot_be_used_is_not_carried_to_another_machine(market: World) -> None:
    """2.10: key_parse_failed is never retried blindly."""
    session_id = wanting_retries(market)
    player = Player(market, FakeProbe([SshResult.KEY_PARSE_FAILED]))
    player.until(session_id, State.FAILED)
    assert len(market.session(session_id).attempts) == 1


def test_keys_that_could_not_be_attached_end_the_attempt_by_its_deadline(market: World) -> None:
    """QA-C1: a warning, refused logins, and then another machine that has them."""
    session_id = wanting_retries(market)
    market.vast.key_errors = ["422"] * 100
    player = Player(market, FakeProbe([SshResult.AUTH_FAILED]))
    until_failing(market, player, session_id)
    market.vast.key_errors = []
    player.probe.results = [SshResult.READY]
    player.until(session_id, State.RUNNING)
    session = market.session(session_id)
    assert "ssh_key_attach_failed" in [one.code for one in session.warnings]
    assert outcomes(market, session_id)[0] == (Outcome.FAILED, EndReason.AUTH_FAILED)
    assert len(market.vast.keys["5002"]) == 2


def gone_after_eleven_minutes(world: World, player: Player) -> None:
    while not world.vast.instances:
        player.next()
    world.clock.tick(660)
    world.vast.instances.clear()


def test_a_ghost_in_provisioning_is_replaced(market: World) -> None:
    """N-22: the four conditions, then retry_launch; told as a ghost, and blamed."""
    session_id = wanting_retries(market, ssh_timeout_min=30)
    player = Player(market, FakeProbe([SshResult.TIMEOUT]))
    gone_after_eleven_minutes(market, player)
    while market.session(session_id).attempt.number == 1:
        player.next()
    player.probe.results = [SshResult.READY]
    player.until(session_id, State.RUNNING)
    assert outcomes(market, session_id)[0] == (Outcome.LOST, EndReason.GHOST)
    assert market.operations().count("ghost_detected") == 1
    assert market.operations().count("ghost_fixed") == 1


def test_a_ghost_without_an_heir_fails_its_session(world: World) -> None:
    """N-22: provisioning → failed, with why there is no further attempt."""
    session_id = wanting_retries(world, ssh_timeout_min=30, max_retries=0)
    player = Player(world, FakeProbe([SshResult.TIMEOUT]))
    gone_after_eleven_minutes(world, player)
    player.until(session_id, State.FAILED)
    session = world.session(session_id)
    assert session.end_reason is EndReason.GHOST
    assert session.error == "the instance vanished at the provider; retries exhausted (0)"


def test_a_machine_dearer_than_accepted_is_replaced(market: World) -> None:
    """Ended, proven gone, and another rented at the price that was said."""
    session_id = wanting_retries(market)
    launch(market.deps, session_id, 1)
    dearer = replace(market.vast.instances["5001"], price_microusd_per_hour=500_000)
    market.vast.instances["5001"] = dearer
    player = Player(market)
    player.until(session_id, State.RUNNING)
    assert outcomes(market, session_id)[0] == (Outcome.FAILED, EndReason.PRICE_MISMATCH)
    assert (player.most_alive, set(market.vast.instances)) == (1, {"5002"})
