"""Checks of machines: before a session runs they may end the attempt, afterwards nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gpu_shopper.core.diagnostics import Check, Diagnostics
from gpu_shopper.core.instances import SshAddress
from gpu_shopper.core.life import evolve
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.usecases.checking import check
from gpu_shopper.usecases.deps import Machine
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from gpu_shopper.usecases.writing import save
from tests.fakes import FakeProbe
from tests.usecases.story import running, stop, torn_down
from tests.world import World

INTERVAL_S = 900
GPU = "NVIDIA GeForce RTX 4090, 1, 24564, 0, 40, 20.5"
GOOD: dict[Check, str | None] = {
    Check.GPUS: GPU,
    Check.DISK: "overlay 50G 3G 47G 6% /",
    Check.CUDA: "Driver Version: 570.1 CUDA Version: 12.8",
    Check.OOM: "",
}


def verified(world: World, answers: dict[Check, str | None], **more: Any) -> Session:
    """A session after one login whose checks said this."""
    session_id = world.create(**more).session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    verify(world.deps, FakeProbe(answers=GOOD | answers), session_id, 1)
    return world.session(session_id)


def found(session: Session) -> Diagnostics:
    assert session.attempt.diagnostics is not None
    return session.attempt.diagnostics


def codes(session: Session) -> list[str]:
    return [one.code for one in session.warnings]


def test_what_the_checks_found_is_stored_with_the_running_session(world: World) -> None:
    """2.10: in the same step as the login."""
    session = verified(world, {})
    assert session.state is State.RUNNING
    assert [gpu.name for gpu in found(session).gpus or ()] == ["NVIDIA GeForce RTX 4090"]
    assert (found(session).cuda_version, found(session).driver_version) == (
        Decimal("12.8"),
        "570.1",
    )
    assert found(session).checked_at == world.clock.at
    assert codes(session) == []


def test_checks_that_failed_hold_nothing_up(world: World) -> None:
    """2.10: unknown, and running all the same."""
    session = verified(world, dict.fromkeys(Check), model_id="m-8b")
    assert session.state is State.RUNNING
    assert found(session) == Diagnostics(checked_at=world.clock.at, ssh_available=True)
    assert codes(session) == []


@pytest.mark.parametrize(("free", "state"), [(15, State.STOPPING), (16, State.RUNNING)])
def test_a_disk_on_which_the_weights_do_not_fit_ends_the_attempt(
    world: World, free: int, state: State
) -> None:
    """2.17: insufficient_disk_on_host, before the session runs; equal is enough."""
    disk: dict[Check, str | None] = {Check.DISK: f"overlay 50G 3G {free}G 6% /"}
    session = verified(world, disk, model_id="meta-llama/Llama-3.1-8B")
    assert session.state is state
    if state is State.STOPPING:
        assert session.end_reason is EndReason.INSUFFICIENT_DISK_ON_HOST
        assert "15 GB of disk are free" in (session.error or "")
        torn_down(world, session.id)
        assert world.session(session.id).state is State.FAILED
        assert "OfferFailures" in {name for fact in world.facts for name in fact.metrics}


def test_without_a_model_no_disk_is_too_small(world: World) -> None:
    """2.17: an estimate with weights must exist."""
    session = verified(world, {Check.DISK: "overlay 50G 50G 0G 100% /"})
    assert (session.state, codes(session)) == (State.RUNNING, ["disk_low"])


@pytest.mark.parametrize("shown", ["No devices were found", GPU, f"{GPU}\n{GPU}\n{GPU}"])
def test_a_machine_with_fewer_gpus_than_paid_for_ends_the_attempt(world: World, shown: str) -> None:
    """Only when the machine itself names them: one that cannot be asked is not without GPUs."""
    world.vast.offers = [world.vast.offers[0]._replace(gpu_count=4)]
    world.clock.tick(1)
    world.publish()
    session = verified(world, {Check.GPUS: shown})
    assert session.state is State.STOPPING
    assert session.end_reason is EndReason.NO_CAPACITY
    assert "of 4 GPUs" in (session.error or "")
    assert (Machine.TEARDOWN, session.id, 1, 0) in world.machines.started


@pytest.mark.parametrize(
    ("answers", "warned"),
    [
        ({Check.CUDA: "CUDA Version: 12.7"}, ["cuda_below_offer"]),
        ({Check.CUDA: "CUDA Version: 12.8"}, []),
        ({Check.CUDA: "CUDA Version: 13.0"}, []),
        ({Check.DISK: "overlay 50G 46G 4G 91% /"}, ["disk_low"]),
        ({Check.OOM: "[1.0] Killed process 7 (python)"}, ["oom_seen"]),
    ],
)
def test_a_bad_sign_is_a_warning(
    world: World, answers: dict[Check, str | None], warned: list[str]
) -> None:
    """BUG-004, 1.4: CUDA below the offer's 12.8, a full disk, memory that ran out."""
    session = verified(world, answers)
    assert (session.state, codes(session)) == (State.RUNNING, warned)


def test_an_offer_of_unknown_cuda_promised_nothing(world: World) -> None:
    """BUG-004."""
    world.vast.offers = [world.vast.offers[0]._replace(cuda_version=None)]
    world.clock.tick(1)
    world.publish()
    assert codes(verified(world, {Check.CUDA: "CUDA Version: 11.0"})) == []


def test_the_free_disk_is_measured_with_each_check(world: World) -> None:
    """6.1: SessionDiskAvailable."""
    session = verified(world, {})
    check(world.deps, FakeProbe(answers=GOOD | {Check.DISK: None}), session.id, 1)
    check(world.deps, FakeProbe(answers=GOOD), session.id, 1)
    measured = [fact.metrics for fact in world.facts if fact.operation == "machine_checked"]
    assert measured == [{"SessionDiskAvailable": 47.0}, {}, {"SessionDiskAvailable": 47.0}]


def test_a_running_machine_is_checked_every_fifteen_minutes_and_not_before(world: World) -> None:
    """1.4: begun by the sweep, once per interval, and without a state machine."""
    session_id = running(world)
    started = len(world.machines.started)
    world.clock.tick(INTERVAL_S - 1)
    expire_sessions(world.deps)
    assert world.checks.begun == []
    for after_s in (1, 1, INTERVAL_S - 2, 1):
        world.clock.tick(after_s)
        expire_sessions(world.deps)
    assert world.checks.begun == [(session_id, 1)] * 2
    assert len(world.machines.started) == started
    assert world.session(session_id).restarts == 0


def test_a_session_that_began_to_run_under_an_older_release_is_checked_too(world: World) -> None:
    """2.14: what was stored before knows of no check."""
    session_id = running(world)
    session = world.session(session_id)
    old = replace(session, next_check_at=None, version=session.version + 1)
    save(world.deps, session, old)
    world.clock.tick(INTERVAL_S)
    expire_sessions(world.deps)
    assert world.checks.begun == [(session_id, 1)]


def test_a_later_check_replaces_what_was_found_and_ends_nothing(world: World) -> None:
    """1.4: a check never ends a running session, whatever it finds; each warning comes once."""
    session = verified(world, {}, model_id="m-8b")
    bad = FakeProbe(answers={Check.GPUS: "No devices were found", Check.DISK: "o 50G 50G 0G 99% /"})
    for _ in range(2):
        world.clock.tick(INTERVAL_S)
        check(world.deps, bad, session.id, 1)
    after = world.session(session.id)
    assert after.state is State.RUNNING
    assert (found(after).gpus, found(after).checked_at) == ((), world.clock.at)
    assert codes(after) == ["disk_low"]


@pytest.mark.parametrize("result", [SshResult.TIMEOUT, SshResult.AUTH_FAILED])
def test_a_check_that_cannot_log_in_leaves_nothing_known(world: World, result: SshResult) -> None:
    """1.4: the values are null, and the session goes on."""
    session = verified(world, {})
    world.clock.tick(INTERVAL_S)
    check(world.deps, FakeProbe([result]), session.id, 1)
    after = world.session(session.id)
    assert after.state is State.RUNNING
    assert found(after) == Diagnostics(checked_at=world.clock.at, ssh_available=False)


def test_another_host_key_of_a_running_machine_is_told_once(world: World) -> None:
    """N-36: and gets no login."""
    session = verified(world, {})
    for _ in range(2):
        check(world.deps, FakeProbe([SshResult.HOST_KEY_CHANGED]), session.id, 1)
    after = world.session(session.id)
    assert (after.state, after.attempt.host_key_changed) == (State.RUNNING, True)
    assert codes(after) == ["host_key_changed"]
    assert world.operations().count("host_key_changed") == 1


def test_a_check_of_a_session_that_does_not_run_does_nothing(world: World) -> None:
    """Late, twice, or of another attempt."""
    probe = FakeProbe(answers=GOOD)
    pending = world.create().session.id
    check(world.deps, probe, pending, 1)
    check(world.deps, probe, "00000000-0000-4000-8000-00000000ffff", 1)
    stop(world, pending)
    torn_down(world, pending)
    session_id = running(world)
    check(world.deps, probe, session_id, 2)
    stop(world, session_id)
    check(world.deps, probe, session_id, 1)
    assert probe.tries == 0


def test_what_was_found_while_the_session_ended_or_moved_is_dropped(world: World) -> None:
    """2.10: it says nothing about the machine as it is now."""
    session_id = running(world)
    before = world.session(session_id).attempt

    class Meanwhile(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            session = world.session(session_id)
            moved = replace(session.attempt, ssh=SshAddress("203.0.113.8", 1, "root"))
            save(world.deps, session, evolve(session, world.clock.at, attempts=(moved,)))
            return super().__call__(*args)

    check(world.deps, Meanwhile(answers=GOOD), session_id, 1)
    assert world.session(session_id).attempt.diagnostics == before.diagnostics
