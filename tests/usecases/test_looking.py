"""Looking and verifying: what the provider shows, what SSH says, and the deadline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.instances import Health, SshAddress
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import ProviderUnavailable
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeCipher, FakeProbe
from tests.usecases.story import DONE, LOOK, adopted_during, stop, torn_down
from tests.world import World


def test_a_key_that_could_not_be_attached_is_told_and_tried_again(world: World) -> None:
    """QA-C1: one warning; the next look puts the keys there."""
    world.vast.key_errors = ["503", "503", None]
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    assert "5001" not in world.vast.keys
    look(world.deps, session_id, 1)
    session = world.session(session_id)
    assert world.vast.keys["5001"] == {session.wish.ssh_public_key, session.probe_public_key}
    assert [one.code for one in session.warnings] == ["ssh_key_attach_failed"]


def test_ssh_succeeding_after_a_stop_changes_nothing(world: World) -> None:
    """M-32, M-65: stopping never becomes running."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    stop(world, session_id)
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_ssh_succeeding_while_a_stop_is_written_changes_nothing(world: World) -> None:
    """M-32: the try was under way when the caller stopped."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)

    class StoppedMeanwhile(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            stop(world, session_id)
            return super().__call__(*args)

    assert verify(world.deps, StoppedMeanwhile(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_an_answer_that_says_nothing_breaks_a_row_of_failures(world: World) -> None:
    """2.9: failed, unknown, failed is not twice in a row."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    dead = replace(world.vast.instances["5001"], health=Health.FAILED, status="exited")
    world.vast.instances["5001"] = dead
    look(world.deps, session_id, 1)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    look(world.deps, session_id, 1)
    world.vast.errors.clear()
    look(world.deps, session_id, 1)
    assert world.session(session_id).state is State.PROVISIONING


def test_a_try_at_an_address_that_changed_meanwhile_proves_nothing(world: World) -> None:
    """2.10: running means that this address was verified."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)

    class MovedMeanwhile(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            moved = replace(world.vast.instances["5001"], ssh=SshAddress("203.0.113.8", 1, "root"))
            world.vast.instances["5001"] = moved
            look(world.deps, session_id, 1)
            return super().__call__(*args)

    assert verify(world.deps, MovedMeanwhile(), session_id, 1) == LOOK
    assert world.session(session_id).state is State.PROVISIONING


class Closed(FakeCipher):
    def open(self, owner_id: str, sealed: str) -> str:
        raise PermissionError


def test_a_try_that_reaches_nobody_opens_no_key(world: World) -> None:
    """N-37: the probe asks for it when it is needed."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    deps = replace(world.deps, cipher=Closed())
    assert verify(deps, FakeProbe([SshResult.CONNECTION_REFUSED]), session_id, 1).outcome == "look"
    with pytest.raises(PermissionError):
        verify(deps, FakeProbe(), session_id, 1)


def test_a_machine_without_an_address_fails_at_the_deadline(world: World) -> None:
    """M-111: the session's own deadline, from the launch; no other rule shortens it."""
    world.vast.address = None
    session_id = world.create(ssh_timeout_min=1).session.id
    launch(world.deps, session_id, 1)
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(look(world.deps, session_id, 1).wait_s)
    stopping = world.session(session_id)
    assert stopping.end_reason is EndReason.SSH_TIMEOUT
    assert 60 <= (world.clock.at - stopping.created_at).total_seconds() < 80


def test_verification_waits_5_8_12_15_seconds_and_ends_at_the_deadline(world: World) -> None:
    """N-32, N-33, M-21: 5, 7.5, 11.25, 15 … rounded up; ssh_timeout never before its time."""
    session_id = world.create(ssh_timeout_min=2).session.id
    launch(world.deps, session_id, 1)
    probe, waits = FakeProbe([SshResult.CONNECTION_REFUSED]), []
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        if result.outcome == "verify":
            result = verify(world.deps, probe, session_id, 1)
        if result.outcome == "look":
            waits.append(result.wait_s)
            world.clock.tick(result.wait_s)
    assert waits[:5] == [5, 8, 12, 15, 15]
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (State.STOPPING, EndReason.SSH_TIMEOUT)
    assert 120 <= (world.clock.at - stopping.created_at).total_seconds() < 140
    (failed,) = [fact for fact in world.facts if fact.operation == "verification_failed"]
    assert failed.metrics == {"SshVerifyFailures": 1}
    assert failed.dimensions == {"Reason": "ssh_timeout"}
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


def test_twenty_minutes_are_twenty_minutes(world: World) -> None:
    """BUG-005, X-8: still provisioning at minute 15, over at 20 and not before."""
    session_id = world.create(ssh_timeout_min=20).session.id
    launch(world.deps, session_id, 1)
    probe, waited_s = FakeProbe([SshResult.CONNECTION_REFUSED]), 0
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        if result.outcome == "verify":
            result = verify(world.deps, probe, session_id, 1)
        world.clock.tick(result.wait_s)
        waited_s += result.wait_s
    assert world.session(session_id).end_reason is EndReason.SSH_TIMEOUT
    assert 20 * 60 <= waited_s <= 21 * 60


def test_an_instance_that_fails_on_two_polls_fails_the_attempt(world: World) -> None:
    """BUG-011: one poll is not enough, the second is."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    dead = replace(world.vast.instances["5001"], health=Health.FAILED, status="exited")
    world.vast.instances["5001"] = dead
    assert look(world.deps, session_id, 1).outcome == "look"
    assert world.session(session_id).state is State.PROVISIONING
    look(world.deps, session_id, 1)
    assert world.session(session_id).end_reason is EndReason.INSTANCE_STOPPED


def test_provider_errors_while_looking_only_wait(world: World) -> None:
    """N-19: an error says nothing about the machine."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    for _ in range(5):
        assert look(world.deps, session_id, 1).outcome == "look"
    assert world.session(session_id).state is State.PROVISIONING


def at_price(world: World, microusd: int, **wish: Any) -> str:
    """A session whose machine, looked at once, costs this; its offer said 400,000."""
    session_id = world.create(**wish).session.id
    launch(world.deps, session_id, 1)
    dearer = replace(world.vast.instances["5001"], price_microusd_per_hour=microusd)
    world.vast.instances["5001"] = dearer
    look(world.deps, session_id, 1)
    return session_id


def test_a_machine_five_percent_dearer_than_accepted_is_kept(world: World) -> None:
    """2.16: its own price counts, and the caller is told."""
    session = world.session(at_price(world, 420_000))
    assert (session.state, session.attempt.price_microusd_per_hour) == (State.PROVISIONING, 420_000)
    assert [one.code for one in session.warnings] == ["price_differs"]


def test_a_machine_dearer_than_that_is_ended_unused(world: World) -> None:
    """And paid at its own price until it is proven gone."""
    session_id = at_price(world, 420_001)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (State.STOPPING, EndReason.PRICE_MISMATCH)
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    torn_down(world, session_id)
    failed = world.session(session_id)
    assert (failed.state, failed.attempt.price_microusd_per_hour) == (State.FAILED, 420_001)
    assert "more for the instance than was accepted" in (failed.error or "")
    assert world.vast.instances == {}


def test_a_price_that_the_launch_itself_tells_is_judged_too(world: World) -> None:
    world.vast.price = 420_001
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    assert look(world.deps, session_id, 1) == DONE
    assert world.session(session_id).end_reason is EndReason.PRICE_MISMATCH


def test_a_price_is_judged_with_the_sessions_disk(world: World) -> None:
    """950 GB more than the offer's 50 cost $0.131944 an hour: 531,944 was accepted."""
    assert world.session(at_price(world, 558_541, disk_gb=1_000)).state is State.PROVISIONING


def test_a_machine_that_loads_for_nine_minutes_reaches_running(world: World) -> None:
    """BUG-017: no sweep and no look ends what is only slow."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    up = world.vast.instances["5001"]
    world.vast.instances["5001"] = replace(up, health=Health.WAIT, status="loading", ssh=None)
    loaded_at = world.clock.at + timedelta(minutes=9)
    while world.clock.at < loaded_at:
        result = look(world.deps, session_id, 1)
        assert result.outcome == "look"
        expire_sessions(world.deps)
        reconcile(world.deps, "vastai")
        world.clock.tick(result.wait_s)
    world.vast.instances["5001"] = up
    assert look(world.deps, session_id, 1).outcome == "verify"
    verify(world.deps, FakeProbe(), session_id, 1)
    assert world.session(session_id).state is State.RUNNING


def test_a_status_nobody_knows_is_told_once_and_waited_for(world: World) -> None:
    """N-19: unknown is neither ready nor gone."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    up = world.vast.instances["5001"]
    for word in ("hibernating", "dreaming"):
        world.vast.instances["5001"] = replace(up, health=Health.UNKNOWN, status=word)
        assert look(world.deps, session_id, 1).outcome == "look"
    (notice,) = world.session(session_id).warnings
    assert (notice.code, "hibernating" in notice.message) == ("provider_status_unknown", True)
    world.vast.instances["5001"] = up
    assert look(world.deps, session_id, 1).outcome == "verify"


def test_a_key_error_is_told_also_when_the_machine_was_adopted_meanwhile(world: World) -> None:
    """QA-C1: the launch alone knows of it; billed and told once, by whoever was first."""
    session_id = world.create().session.id
    world.vast.key_errors = ["503", None]
    adopted_during(world, "launch", session_id)
    launch(world.deps, session_id, 1)
    session = world.session(session_id)
    assert [one.code for one in session.warnings] == ["ssh_key_attach_failed"]
    assert session.attempt.instance_id == "5001"
    operations = world.operations()
    assert (operations.count("instance_adopted"), operations.count("instance_launched")) == (1, 0)
