"""Reconciliation: belief against what the provider shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gpu_shopper.core.costs import session_cost
from gpu_shopper.core.instances import Health, Launched, SshAddress
from gpu_shopper.core.labels import Label
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import BadProviderReply, LaunchUncertain, ProviderUnavailable
from gpu_shopper.store import orphans
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import accepted, launch
from gpu_shopper.usecases.reconcile import reconcile
from tests.builders import DEPLOYMENT, SESSION_ID, an_instance
from tests.usecases.story import running, stop, torn_down
from tests.world import World


def plant(world: World, instance_id: str, label: str | None) -> None:
    world.vast.instances[instance_id] = an_instance(id=instance_id, label=label)


def an_orphan(world: World, instance_id: str = "9001") -> None:
    plant(world, instance_id, str(Label(DEPLOYMENT, SESSION_ID, 1)))


def test_a_machine_of_ours_without_a_session_is_destroyed_and_proven_gone(world: World) -> None:
    """N-23: detected once, asked for, and closed only when a later listing lacks it."""
    an_orphan(world)
    reconcile(world.deps, "vastai")
    assert world.vast.instances == {}
    assert world.operations().count("orphan_detected") == 1
    assert "orphan_destroyed" not in world.operations()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    reconcile(world.deps, "vastai")
    assert world.operations().count("orphan_destroyed") == 1
    assert world.operations().count("orphan_detected") == 1


def test_an_orphan_that_outlives_the_next_pass_is_a_failure_once(world: World) -> None:
    """6.1: the pass that asks does not say so, the one after it does."""
    an_orphan(world)
    world.vast.ignores_terminate = True
    failures = []
    for _ in range(4):
        reconcile(world.deps, "vastai")
        failures.append(world.operations().count("orphan_destroy_failing"))
        world.clock.tick(60)
    assert failures == [0, 1, 1, 1]


def test_an_orphan_that_nobody_can_look_up_is_a_failure_too(world: World) -> None:
    """6.1: not listed any more is not proof; the lookup has to agree."""
    an_orphan(world)
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    reconcile(world.deps, "vastai")
    assert world.operations().count("orphan_destroy_failing") == 1
    world.vast.errors.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert world.operations().count("orphan_destroy_failing") == 1
    assert world.operations().count("orphan_destroyed") == 1


@pytest.mark.parametrize(
    "label",
    [
        None,
        "",
        "my own box",
        "shopper-",
        f"shopper-zz99zz99-{SESSION_ID}-1",
        f"shopper-{DEPLOYMENT}-{SESSION_ID}-1 ",
        f"shopper-{DEPLOYMENT}-{SESSION_ID}-0",
        f"shopper-{DEPLOYMENT.upper()}-{SESSION_ID}-1",
    ],
)
def test_machines_that_are_not_ours_are_never_touched(world: World, label: str | None) -> None:
    """N-18, QA-H10: another deployment's, other tools', nobody's."""
    plant(world, "9001", label)
    found = reconcile(world.deps, "vastai")
    assert (found.ours, found.orphans) == (0, 0)
    assert world.vast.count("terminate") == 0


def test_the_machine_of_a_live_session_is_left_alone(world: World) -> None:
    """X-1: running and stopping alike; older than ten minutes too."""
    session_id = running(world)
    for _ in range(15):
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
    assert world.session(session_id).state is State.RUNNING
    stop(world, session_id)
    reconcile(world.deps, "vastai")
    assert world.vast.count("terminate") == 0
    assert "orphan_detected" not in world.operations()


def test_a_machine_whose_id_was_never_stored_is_adopted(world: World) -> None:
    """N-25, X-3, M-50: the session goes on to running with it."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.rents_despite_error = True
    launch(world.deps, session_id, 1)
    assert reconcile(world.deps, "vastai").adopted == 1
    assert world.session(session_id).attempt.instance_id == "5001"
    assert world.vast.count("terminate") == 0
    assert look(world.deps, session_id, 1).outcome == "verify"


def test_of_two_machines_with_one_label_the_stored_one_stays(world: World) -> None:
    """N-25: the other is an orphan."""
    session_id = running(world)
    twin = replace(world.vast.instances["5001"], id="4000")
    world.vast.instances = {"4000": twin, **world.vast.instances}
    reconcile(world.deps, "vastai")
    assert set(world.vast.instances) == {"5001"}
    assert world.session(session_id).state is State.RUNNING


def test_a_machine_that_its_session_claims_meanwhile_is_not_an_orphan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X-3, N-25: of twins the higher id looked like the spare one until the launch answered."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.rents_despite_error = True
    launch(world.deps, session_id, 1)
    world.vast.instances["4000"] = replace(world.vast.instances["5001"], id="4000")

    def answered_first(*_: object) -> bool:
        accepted(
            world.deps,
            world.session(session_id),
            Launched(instance_id="5001"),
            "instance_launched",
        )
        return False

    monkeypatch.setattr("gpu_shopper.usecases.reconcile._adopt", answered_first)
    reconcile(world.deps, "vastai")
    assert "5001" in world.vast.instances
    monkeypatch.undo()
    reconcile(world.deps, "vastai")
    assert set(world.vast.instances) == {"5001"}


def test_a_resurrected_machine_of_an_ended_session_is_destroyed_again(world: World) -> None:
    """I2: an end that is undone at the provider does not bill for long."""
    session_id = running(world)
    machine = world.vast.instances["5001"]
    stop(world, session_id)
    torn_down(world, session_id)
    for _ in range(2):
        world.vast.instances["5001"] = machine
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
        assert world.vast.instances == {}
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
    assert world.operations().count("orphan_destroyed") == 2


def test_an_instance_that_stays_failed_for_ten_minutes_ends_its_session(world: World) -> None:
    """2.13: instance_died; nine minutes are not enough."""
    session_id = running(world)
    dead = replace(world.vast.instances["5001"], health=Health.FAILED, status="exited")
    world.vast.instances["5001"] = dead
    for _ in range(10):
        reconcile(world.deps, "vastai")
        world.clock.tick(60)
        assert world.session(session_id).state is State.RUNNING
    reconcile(world.deps, "vastai")
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (State.STOPPING, EndReason.INSTANCE_STOPPED)
    assert world.machines.names()[-1] == "teardown-r0"


def test_a_pass_destroys_a_bounded_number_of_orphans(world: World) -> None:
    """N-24: of ten orphans five, and the rest in later passes."""
    for number in range(10):
        an_orphan(world, str(9000 + number))
    reconcile(world.deps, "vastai")
    assert len(world.vast.instances) == 5
    assert "orphans_held_back" in world.operations()
    reconcile(world.deps, "vastai")
    assert world.vast.instances == {}


def test_an_orphan_that_vanished_by_itself_is_closed_too(world: World) -> None:
    """N-23: held back by the limit, then gone without our asking."""
    for number in range(6):
        an_orphan(world, str(9000 + number))
    reconcile(world.deps, "vastai")
    assert set(world.vast.instances) == {"9005"}
    world.vast.instances.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert list(orphans.still_open(world.deps.operations, "vastai")) == []


def test_a_running_machine_that_moved_is_found_at_its_new_address(world: World) -> None:
    """2.13: matched: address when new."""
    session_id = running(world)
    moved = replace(world.vast.instances["5001"], ssh=SshAddress("203.0.113.9", 4022, "root"))
    world.vast.instances["5001"] = moved
    reconcile(world.deps, "vastai")
    assert world.session(session_id).attempt.ssh == moved.ssh


def test_a_price_that_changes_under_way_counts_from_when_it_is_seen(world: World) -> None:
    """N-41: what was billed before stays as it was."""
    world.vast.price = 410_000
    session_id = running(world)
    launched_at = world.session(session_id).attempt.launched_at
    assert launched_at is not None
    world.clock.at = launched_at + timedelta(seconds=1_800)
    dearer = replace(world.vast.instances["5001"], price_microusd_per_hour=700_000)
    world.vast.instances["5001"] = dearer
    reconcile(world.deps, "vastai")
    through = launched_at + timedelta(seconds=3_600)
    assert session_cost(world.session(session_id), through) == 205_000 + 350_000


def test_one_session_that_cannot_be_handled_does_not_keep_orphans_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.13: each finding by itself."""
    running(world)
    an_orphan(world)

    def broken(*_: object) -> bool:
        raise RuntimeError("unreadable")

    monkeypatch.setattr("gpu_shopper.usecases.reconcile._check_matched", broken)
    reconcile(world.deps, "vastai")
    assert set(world.vast.instances) == {"5001"}
    assert "sweep_item_failed" in world.operations()


def test_one_orphan_that_cannot_be_handled_does_not_keep_others_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.13: the store may fail for one of them."""
    an_orphan(world, "9001")
    an_orphan(world, "9002")
    noted = orphans.note_asked

    def broken_once(table: Any, provider: str, instance_id: str, at: datetime) -> bool:
        if instance_id == "9001":
            raise RuntimeError("no answer")
        return noted(table, provider, instance_id, at)

    monkeypatch.setattr(orphans, "note_asked", broken_once)
    assert reconcile(world.deps, "vastai").orphans == 2
    assert set(world.vast.instances) == {"9001"}
    assert "sweep_item_failed" in world.operations()


def test_a_record_that_was_forgotten_meanwhile_is_not_written_in_part(world: World) -> None:
    """2.13: half a record could not be read back, and would stop every later pass."""
    an_orphan(world)
    table = world.deps.operations
    world.vast.before["find"] = lambda: orphans.forget(table, "vastai", "9001")
    reconcile(world.deps, "vastai")
    assert list(orphans.still_open(table, "vastai")) == []
    reconcile(world.deps, "vastai")
    assert world.vast.instances == {}


def test_a_failed_listing_concludes_nothing(world: World) -> None:
    """X-2: no session and no machine changes."""
    an_orphan(world)
    world.vast.errors["list_instances"] = [BadProviderReply("no total")]
    assert not reconcile(world.deps, "vastai").complete
    assert set(world.vast.instances) == {"9001"}


def test_the_label_is_read_again_before_an_orphan_is_destroyed(world: World) -> None:
    """Part 4: a machine relabelled since the listing is somebody else's."""
    an_orphan(world)
    world.vast.before["find"] = lambda: plant(world, "9001", "mine now")
    reconcile(world.deps, "vastai")
    assert world.vast.count("terminate") == 0
