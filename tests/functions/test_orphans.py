"""The /orphans routes: what operators see, what they may have done, and a dry run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_shopper.core.labels import Label
from gpu_shopper.core.states import State
from gpu_shopper.errors.provider import LaunchUncertain, ProviderUnavailable
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from tests.builders import DEPLOYMENT, SESSION_ID, an_instance
from tests.functions.calls import CONSUMER, OPERATOR, Client
from tests.usecases.story import running, stop, torn_down
from tests.world import World

PATH = "/api/v1/orphans"
WHY = {"reason": "nobody knows it"}


@pytest.fixture
def dry(wired: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world with the switch on."""
    settings = replace(wired.deps.settings, reconcile_dry_run=1)
    deps = replace(wired.deps, settings=settings)
    monkeypatch.setattr("functions.operator_api.app.deps", lambda: deps)
    wired.deps = replace(deps, orphan_desk=wired.deps.orphan_desk)
    return wired


@pytest.fixture
def ops(keys: Client) -> Client:
    """The same function, called by an operator."""
    return replace(keys, caller=dict(OPERATOR))


def plant(world: World, instance_id: str = "9001", label: str | None = "") -> None:
    ours = str(Label(DEPLOYMENT, SESSION_ID, 1)) if label == "" else label
    world.vast.instances[instance_id] = an_instance(id=instance_id, label=ours)


def test_a_dry_run_records_and_tells_and_ends_nothing(dry: World, ops: Client) -> None:
    """N-26: for as long as it lasts."""
    plant(dry)
    for _ in range(3):
        assert reconcile(dry.deps, "vastai").orphans == 1
        dry.clock.tick(60)
    assert dry.vast.count("terminate") == 0
    (found,) = [one for one in dry.facts if one.operation == "orphan_detected"]
    assert found.metrics["OrphansDetected"] == 1
    listed = ops("GET", PATH).json
    assert (listed["dry_run"], listed["count"]) == (True, 1)
    assert listed["orphans"][0]["status"] == "open"


def test_a_dry_run_ends_sessions_as_ever(dry: World) -> None:
    """N-26."""
    session_id = running(dry)
    stop(dry, session_id)
    torn_down(dry, session_id)
    assert dry.session(session_id).state is State.STOPPED


def test_in_a_dry_run_an_operator_has_one_destroyed_until_it_is_gone(
    dry: World, ops: Client
) -> None:
    """N-26, N-27, 2.13: the provider fails, the pass goes on with that one and no other."""
    plant(dry, "9001")
    plant(dry, "9002", str(Label(DEPLOYMENT, SESSION_ID, 2)))
    reconcile(dry.deps, "vastai")
    dry.vast.errors["terminate"] = [ProviderUnavailable("down")]
    assert ops("POST", f"{PATH}/vastai/9001/destroy", body=WHY).status == 202
    (shown,) = ops("GET", PATH, query={"status": "destroying"}).json["orphans"]
    assert (shown["destroy_tries"], shown["last_error"]) == (1, "provider_unavailable")
    dry.vast.errors.clear()
    for _ in range(2):
        dry.clock.tick(60)
        reconcile(dry.deps, "vastai")
    assert set(dry.vast.instances) == {"9002"}
    (gone,) = ops("GET", PATH, query={"status": "destroyed"}).json["orphans"]
    assert gone["instance_id"] == "9001"
    assert ops("POST", f"{PATH}/vastai/9001/destroy").status == 200


def test_without_the_switch_the_list_says_so_and_shows_what_is_still_there(
    wired: World, ops: Client
) -> None:
    """1.7: open and destroying unless a status is named."""
    plant(wired)
    reconcile(wired.deps, "vastai")
    listed = ops("GET", PATH).json
    (orphan,) = listed["orphans"]
    assert (listed["dry_run"], listed["count"]) == (False, 1)
    assert (orphan["status"], orphan["cause"]) == ("destroying", "session_unknown")
    assert (orphan["session_id"], orphan["attempt"]) == (SESSION_ID, 1)
    wired.clock.tick(60)
    reconcile(wired.deps, "vastai")
    assert ops("GET", PATH).json["orphans"] == []


def test_the_list_is_paged_and_filtered(dry: World, ops: Client) -> None:
    for number in range(3):
        plant(dry, f"900{number}")
    reconcile(dry.deps, "vastai")
    first = ops("GET", PATH, query={"limit": 2}).json
    assert [one["instance_id"] for one in first["orphans"]] == ["9000", "9001"]
    rest = ops("GET", PATH, query={"limit": 2, "cursor": first["next_cursor"]}).json
    assert [one["instance_id"] for one in rest["orphans"]] == ["9002"]
    assert "next_cursor" not in rest
    assert ops("GET", PATH, query={"provider": "tensordock"}).json["count"] == 0
    assert ops("GET", PATH, query={"provider": "nobody"}).fields == ["provider"]
    assert ops("GET", PATH, query={"status": "lost"}).fields == ["status"]


def test_a_wish_to_destroy_is_told_once_with_its_key_and_reason(wired: World, ops: Client) -> None:
    """N-27: audited; repeated it is the same wish."""
    plant(wired)
    wired.vast.ignores_terminate = True
    for _ in range(2):
        reply = ops("POST", f"{PATH}/vastai/9001/destroy", body=WHY)
        assert (reply.status, reply.json["status"]) == (202, "destroying")
    (told,) = [one for one in wired.facts if one.operation == "orphan_destroy_requested"]
    assert (told.key_id, told.reason, told.instance_id) == ("operator", WHY["reason"], "9001")


@pytest.mark.parametrize("act", ["destroy", "adopt"])
def test_a_machine_that_is_not_ours_is_not_found(wired: World, ops: Client, act: str) -> None:
    """N-27, N-18: no label of ours, none at all, or no machine."""
    plant(wired, "9001", f"shopper-zz99zz99-{SESSION_ID}-1")
    plant(wired, "9002", None)
    for instance_id in ("9001", "9002", "9003", "no%20id", "x" * 129):
        reply = ops("POST", f"{PATH}/vastai/{instance_id}/{act}")
        assert (reply.status, reply.json["error_type"]) == (404, "instance_not_found")
    assert ops("POST", f"{PATH}/nobody/9001/{act}").status == 404
    assert wired.vast.count("terminate") == 0


def test_an_orphan_that_is_not_ours_any_more_is_left_alone(dry: World, ops: Client) -> None:
    """1.7: the label is read again at the provider first."""
    plant(dry)
    reconcile(dry.deps, "vastai")
    plant(dry, "9001", "mine now")
    reply = ops("POST", f"{PATH}/vastai/9001/destroy")
    assert (reply.status, reply.json["error_type"]) == (409, "invalid_state")
    assert dry.vast.count("terminate") == 0


@pytest.mark.parametrize("is_stopping", [False, True])
def test_the_machine_of_a_live_session_is_not_destroyed(
    wired: World, ops: Client, *, is_stopping: bool
) -> None:
    """1.7, I3: also while it is stopping."""
    session_id = running(wired)
    if is_stopping:
        stop(wired, session_id)
    reply = ops("POST", f"{PATH}/vastai/5001/destroy")
    assert (reply.status, reply.json["error_type"]) == (409, "invalid_state")
    assert wired.vast.count("terminate") == 0
    assert ops("POST", f"{PATH}/vastai/5001/adopt").status == 409


def test_a_provider_that_does_not_answer_decides_nothing(wired: World, ops: Client) -> None:
    """1.7: try again."""
    plant(wired)
    wired.vast.errors["find"] = [ProviderUnavailable("down")]
    reply = ops("POST", f"{PATH}/vastai/9001/destroy")
    assert (reply.status, reply.json["error_type"]) == (503, "provider_unavailable")
    assert wired.vast.count("terminate") == 0


def test_a_machine_is_adopted_by_the_attempt_that_waits_for_it(wired: World, ops: Client) -> None:
    """N-27: and then by no other."""
    session_id = wired.create().session.id
    wired.vast.errors["launch"] = [LaunchUncertain("cut off")]
    wired.vast.rents_despite_error = True
    launch(wired.deps, session_id, 1)
    reply = ops("POST", f"{PATH}/vastai/5001/adopt", body=WHY)
    assert (reply.status, reply.json) == (200, {"session_id": session_id, "attempt": 1})
    assert wired.session(session_id).attempt.instance_id == "5001"
    (told,) = [one for one in wired.facts if one.operation == "orphan_adopted"]
    assert (told.key_id, told.reason) == ("operator", WHY["reason"])
    assert ops("POST", f"{PATH}/vastai/5001/adopt").status == 409


def test_an_orphan_of_an_ended_session_is_not_adopted(wired: World, ops: Client) -> None:
    plant(wired)
    assert ops("POST", f"{PATH}/vastai/9001/adopt").status == 409


def test_a_machine_that_came_back_is_open_again(dry: World, ops: Client) -> None:
    """2.13: a record that was closed says nothing of a machine that is there."""
    plant(dry)
    reconcile(dry.deps, "vastai")
    dry.vast.instances.clear()
    dry.clock.tick(60)
    reconcile(dry.deps, "vastai")
    assert ops("GET", PATH).json["count"] == 0
    dry.clock.tick(60)
    plant(dry)
    reconcile(dry.deps, "vastai")
    (orphan,) = ops("GET", PATH).json["orphans"]
    assert (orphan["status"], "destroyed_at" in orphan) == ("open", False)


@pytest.mark.parametrize("what", ["GET", "destroy", "adopt"])
def test_a_consumer_sees_and_does_nothing_here(keys: Client, what: str) -> None:
    """N-27."""
    method, path = ("GET", PATH) if what == "GET" else ("POST", f"{PATH}/vastai/9001/{what}")
    assert keys(method, path, caller=CONSUMER).status == 403
