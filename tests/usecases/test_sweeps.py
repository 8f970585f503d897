"""The lifecycle sweep: what is due is done, what is not due is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import LaunchUncertain, ProviderUnavailable
from gpu_shopper.store import operations
from gpu_shopper.usecases import extending
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.teardown import ask
from tests.usecases.story import running, stop, torn_down
from tests.world import ALICE, World


def test_a_reservation_ends_at_its_expiry_and_not_a_second_before(world: World) -> None:
    """E2E-2, M-7: 7,199 s later nothing, at 7,200 s stopping."""
    session_id = running(world)
    world.clock.tick(7_199)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(1)
    assert expire_sessions(world.deps).handled == 1
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (State.STOPPING, EndReason.EXPIRED)
    assert "session_expired" in world.operations()
    assert world.machines.names()[-1] == "teardown-r0"


def test_an_extension_moves_the_end(world: World) -> None:
    """E2E-2: the old instant passes, the new one ends it."""
    session_id = running(world)
    extending.extend(world.deps, ALICE, session_id, 1)
    world.clock.tick(7_200)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING
    world.clock.tick(3_600)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.STOPPING


def test_twelve_hours_after_its_creation_a_session_ends_whatever_was_reserved(
    world: World,
) -> None:
    """M-7, HIGH-1: the hard max is measured from the creation and counted once as such."""
    session_id = running(world)
    extending.extend(world.deps, ALICE, session_id, 10)
    world.clock.tick(12 * 3_600)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.HARD_MAX
    assert world.operations().count("hard_max_enforced") == 1
    assert "session_expired" not in world.operations()


def test_a_launch_execution_that_died_is_started_again_under_a_new_name(world: World) -> None:
    """N-30: after a minute in pending."""
    world.create()
    world.clock.tick(59)
    expire_sessions(world.deps)
    assert world.machines.names() == ["provision-r0"]
    world.clock.tick(1)
    expire_sessions(world.deps)
    assert world.machines.names() == ["provision-r0", "provision-r1"]


def test_no_session_stays_pending_for_longer_than_two_minutes(world: World) -> None:
    """M-8: in pending nothing of this attempt was launched, by construction."""
    session_id = world.create().session.id
    world.clock.tick(119)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.PENDING
    world.clock.tick(1)
    expire_sessions(world.deps)
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, EndReason.PROVISION_TIMEOUT)
    assert launch(world.deps, session_id, 1).outcome == "done"
    assert world.vast.calls == []


def test_a_provisioning_execution_that_died_goes_on_where_it_was(world: World) -> None:
    """N-30, M-54: 60 s after the step that never came."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    world.vast.instances["5001"] = replace(world.vast.instances["5001"], ssh=None)
    wait_s = look(world.deps, session_id, 1).wait_s
    world.clock.tick(wait_s + 59)
    expire_sessions(world.deps)
    assert "provision-r1" not in world.machines.names()
    world.clock.tick(1)
    expire_sessions(world.deps)
    assert world.machines.names()[-1] == "provision-r1"
    assert look(world.deps, session_id, 1).outcome == "look"


def test_a_dead_execution_cannot_keep_a_session_provisioning_past_its_deadline(
    world: World,
) -> None:
    """M-111, X-8: deadline + 60 s, and not before."""
    session_id = world.create(ssh_timeout_min=20).session.id
    launch(world.deps, session_id, 1)
    for _ in range(20):
        world.clock.tick(60)
        expire_sessions(world.deps)
        assert world.session(session_id).state is State.PROVISIONING
    world.clock.tick(60)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.SSH_TIMEOUT


def test_a_launch_nobody_heard_of_again_is_stopped_after_five_minutes(world: World) -> None:
    """M-105: and its label is looked for until absence is proven."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    launch(world.deps, session_id, 1)
    world.clock.tick(300)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.PROVISION_TIMEOUT
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


def test_a_teardown_execution_that_died_is_started_again(world: World) -> None:
    """M-4: the session stays stopping meanwhile."""
    session_id = running(world)
    stop(world, session_id)
    world.clock.tick(60)
    expire_sessions(world.deps)
    assert world.machines.names()[-1] == "teardown-r1"
    assert world.session(session_id).state is State.STOPPING


def test_an_end_that_takes_five_minutes_is_told_once(world: World) -> None:
    """M-103: one alarm, and the rounds go on."""
    session_id = running(world)
    stop(world, session_id)
    world.vast.errors["terminate"] = [ProviderUnavailable("down")]
    world.clock.tick(299)
    ask(world.deps, session_id, 1)
    expire_sessions(world.deps)
    assert "destroy_delayed" not in world.operations()
    for _ in range(10):
        world.clock.tick(60)
        expire_sessions(world.deps)
    assert world.operations().count("destroy_delayed") == 1
    codes = [one.code for one in world.session(session_id).warnings]
    assert codes.count("stop_delayed") == 1
    assert world.session(session_id).state is State.STOPPING


def test_a_repeated_sweep_has_one_effect(world: World) -> None:
    """QA-C3: five runs, one expiry."""
    running(world)
    world.clock.tick(7_200)
    for _ in range(5):
        expire_sessions(world.deps)
    assert world.operations().count("session_expired") == 1


def test_one_unreadable_session_does_not_keep_others_alive(world: World) -> None:
    """2.15: sessions are handled one by one."""
    session_id = running(world)
    broken = {
        "pk": "SESSION#broken",
        "sk": "SESSION",
        "due_partition": "live",
        "due_at": "2026-01-01T00:00:00.000Z",
    }
    world.deps.sessions.put_item(Item=broken)
    world.clock.tick(7_200)
    swept = expire_sessions(world.deps)
    assert swept.failed == ("broken",)
    assert world.session(session_id).state is State.STOPPING


def test_a_terminal_session_is_never_due_again(world: World) -> None:
    """I6: the index holds live sessions only."""
    session_id = running(world)
    stop(world, session_id)
    torn_down(world, session_id)
    world.clock.tick(10**6)
    assert expire_sessions(world.deps).handled == 0


def test_a_sweep_that_ended_well_is_written_down_with_its_release(world: World) -> None:
    """QA-H7: readiness is state in the table."""
    expire_sessions(world.deps)
    run = operations.last_sweep(world.deps.operations, "lifecycle")
    assert run is not None
    assert (run.at, run.release) == (world.clock.at, "release-1")


@pytest.mark.parametrize("state", [State.PENDING, State.PROVISIONING, State.RUNNING])
def test_every_live_session_is_in_the_index(world: World, state: State) -> None:
    """I6: whatever happens to its executions, a sweep will find it."""
    session_id = world.create().session.id
    if state is not State.PENDING:
        launch(world.deps, session_id, 1)
    if state is State.RUNNING:
        stop(world, session_id)
    items = world.deps.sessions.query(
        IndexName="by_due",
        KeyConditionExpression="due_partition = :p",
        ExpressionAttributeValues={":p": "live"},
    )["Items"]
    assert [item["pk"] for item in items] == [f"SESSION#{session_id}"]
