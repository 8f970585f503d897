"""The sample events, played through the handlers: they tell the life of one session."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from functions.accrue_costs.app import NotBooked
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.edge.http import Frame
from gpu_shopper.store import costs
from tests.builders import SESSION_ID, an_instance
from tests.events import cases, logical_id, sample
from tests.fakes import FakeProbe
from tests.functions.calls import RUN
from tests.template.cfn import ROOT, resources
from tests.world import World

SECRET = "A" * 43
API = {"inventory_api", "sessions_api", "heartbeat_api", "costs_api", "operator_api"}

type Play = Callable[..., Any]


def body(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"])


@pytest.fixture
def probe() -> FakeProbe:
    """What logs in to the machine: at once, unless told otherwise."""
    return FakeProbe()


@pytest.fixture
def play(world: World, frame: Frame, probe: FakeProbe, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Sends a sample to its function; new ids and secrets are those that the samples name."""

    def wired(case: str, first_id: str) -> Any:
        name = case.split("/")[0]
        module = importlib.import_module(f"functions.{name}.app")
        ids = chain([first_id], iter(world.deps.new_id, None))
        deps = replace(world.deps, new_id=lambda: next(ids), new_secret=lambda: SECRET)
        monkeypatch.setattr(module, "deps", lambda: deps)
        if name in API:
            monkeypatch.setattr(module, "frame", lambda: frame)
        if name == "verify_ssh":
            monkeypatch.setattr(module, "try_login", lambda *args, **_: probe(*args))
        return module

    def send(case: str, **other: Any) -> Any:
        first_id = "example0" if case.startswith("operator_api/") else SESSION_ID
        return wired(case, first_id).handler(sample(case) | other, RUN)

    return send


def test_every_function_has_samples_and_every_sample_a_function() -> None:
    assert {logical_id(case) for case in cases()} == set(resources("AWS::Serverless::Function"))
    folders = {app.parent.name for app in (ROOT / "functions").glob("*/app.py")}
    assert {case.split("/")[0] for case in cases()} == folders


def test_every_sample_is_played() -> None:
    others = ("test_publish_events.py", "test_webhooks.py")
    files = (Path(__file__), *(Path(__file__).with_name(name) for name in others))
    source = "".join(file.read_text("utf-8") for file in files)
    assert [case for case in cases() if f'"{case}"' not in source] == []


def test_the_samples_bring_a_session_to_running(play: Play, world: World) -> None:
    created = play("sessions_api/create")
    assert (created["statusCode"], body(created)["session"]["id"]) == (201, SESSION_ID)
    assert play("provision_step/launch")["outcome"] == "look"
    assert play("provision_step/look")["outcome"] == "verify"
    assert play("verify_ssh/verify") == {"outcome": "done", "wait_s": 0}
    assert body(play("sessions_api/get"))["status"] == "running"
    assert play("verify_ssh/check") == {"outcome": "done", "wait_s": 0}
    assert body(play("sessions_api/diagnostics"))["ssh_available"] is True
    assert [one["id"] for one in body(play("sessions_api/list"))["sessions"]] == [SESSION_ID]
    assert body(play("sessions_api/extend"))["reservation_hours"] == 3
    events = body(play("operator_api/list_audit"))["events"]
    assert "session_extended" in [one["operation"] for one in events]
    assert body(play("sessions_api/override"))["hard_max_hours"] == 24


def test_a_step_of_an_old_round_tells_it_to_rest(
    play: Play, world: World, probe: FakeProbe
) -> None:
    """The machine boots for longer than a round lasts; what began late ends with its words."""
    play("sessions_api/create")
    late = (world.clock.at - timedelta(seconds=150)).isoformat()
    early = (world.clock.at - timedelta(seconds=148)).isoformat()
    assert play("provision_step/launch", round_began_at=early) == {"outcome": "look", "wait_s": 1}
    assert play("provision_step/look", round_began_at=late) == {"outcome": "rest", "wait_s": 0}
    probe.results = [SshResult.TIMEOUT, SshResult.READY]
    assert play("verify_ssh/verify", round_began_at=late) == {"outcome": "rest", "wait_s": 5}
    assert play("verify_ssh/verify", round_began_at=late) == {"outcome": "done", "wait_s": 0}


@pytest.mark.parametrize("began_at", ["yesterday", "2026-11-21T09:30:00", ""])
def test_a_round_that_began_at_no_instant_is_refused(play: Play, began_at: object) -> None:
    with pytest.raises(ValidationError, match="round_began_at"):
        play("provision_step/look", round_began_at=began_at)


def test_the_samples_end_a_session_and_prove_it(play: Play, world: World) -> None:
    for case in ("sessions_api/create", "provision_step/launch", "provision_step/look"):
        play(case)
    assert play("heartbeat_api/heartbeat")["statusCode"] == 401
    assert play("sessions_api/done")["statusCode"] == 202
    world.clock.tick(world.deps.settings.absence_min_age_s)
    assert play("teardown_step/ask")["outcome"] == "prove"
    world.clock.tick(world.deps.settings.teardown_wait_cap_s)
    assert play("teardown_step/prove")["outcome"] == "done"
    ended = world.session(SESSION_ID)
    assert (ended.state, ended.end_reason) == (State.STOPPED, EndReason.USER_REQUESTED)
    again = play("sessions_api/delete")
    assert (again["statusCode"], body(again)["status"]) == (200, "stopped")


def test_the_sample_of_a_timer_ends_a_session_after_its_hard_max(play: Play, world: World) -> None:
    for case in ("sessions_api/create", "provision_step/launch", "provision_step/look"):
        play(case)
    play("verify_ssh/verify")
    assert play("hard_stop/session") == {"live": True, "handled": False}
    world.clock.at = world.session(SESSION_ID).hard_max_at
    assert play("hard_stop/session") == {"live": True, "handled": True}
    assert world.session(SESSION_ID).end_reason is EndReason.HARD_MAX


def test_the_samples_list_destroy_and_adopt_orphans(play: Play, world: World) -> None:
    for case in ("operator_api/destroy_orphan", "operator_api/adopt_orphan"):
        assert body(play(case))["error_type"] == "instance_not_found"
    world.vast.instances["5001"] = an_instance()
    assert play("reconcile/orphan")["outcome"] == "destroying"
    (listed,) = body(play("operator_api/list_orphans"))["orphans"]
    assert (listed["instance_id"], listed["status"]) == ("5001", "destroying")
    assert play("operator_api/destroy_orphan")["statusCode"] == 202


def test_the_samples_make_use_and_revoke_a_key(play: Play) -> None:
    made = play("operator_api/create_key")
    presented = sample("authorizer/key")["headers"]["Authorization"]
    assert f"Bearer {body(made)['api_key']}" == presented
    assert play("authorizer/key")["context"]["consumer_id"] == "alice"
    assert body(play("operator_api/list_keys"))["count"] == 1
    assert play("operator_api/revoke_key")["statusCode"] == 200
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        play("authorizer/key")


def test_the_samples_book_what_a_session_costs_and_show_it(
    play: Play, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that could not book a session fails, and the next one books it."""
    for case in ("sessions_api/create", "provision_step/launch"):
        play(case)
    world.clock.tick(900)
    with monkeypatch.context() as broken:
        broken.setattr(costs, "book", lambda *_: 1 / 0)
        with pytest.raises(NotBooked, match=SESSION_ID):
            play("accrue_costs/run")
    assert play("accrue_costs/run") == {"sessions": 1, "failed": ()}
    assert body(play("costs_api/session"))["total_cost"] == 0.1
    assert body(play("costs_api/period"))["total_cost"] == 0.1
    assert body(play("costs_api/summary"))["by_gpu_type"] == {"RTX 4090": 0.1}
    assert play("reconcile/charges") == {"days": 3, "sessions": 0, "unknown": 0}
    assert body(play("costs_api/reconciliation"))["totals"]["vastai"]["session_days"] == 0
    assert body(play("sessions_api/get"))["cost_usd"] == 0.1


def test_the_samples_set_show_and_delete_a_budget(play: Play, world: World) -> None:
    play("sessions_api/create")
    assert play("operator_api/put_budget")["statusCode"] == 201
    shown = body(play("operator_api/get_budget"))
    assert (shown["monthly_limit_usd"], shown["enforce"]) == (50, True)
    assert shown["reserved_usd"] > 0
    assert body(play("operator_api/list_budgets"))["budgets"] == [shown]
    world.clock.tick(1)  # the ids of samples are always the same
    assert play("operator_api/delete_budget")["statusCode"] == 200
    assert play("operator_api/get_budget")["statusCode"] == 404


def test_the_samples_sweep_until_the_deployment_is_ready(play: Play, world: World) -> None:
    assert play("inventory_api/ready")["statusCode"] == 503
    world.clock.tick(60)
    assert play("refresh_inventory/vastai") == {"found": 1, "error": None}
    assert play("reconcile/vastai") == play("reconcile/vastai")
    assert play("expire_sessions/sweep") == play("expire_sessions/sweep")
    assert play("publish_gauges/run") == {"live": 0, "ended": 0}
    assert play("inventory_api/ready")["statusCode"] == 200
    assert set(body(play("inventory_api/health"))["services"].values()) == {"ok"}


def test_the_samples_tell_what_the_refresh_of_the_samples_saw(play: Play, world: World) -> None:
    world.clock.tick(60)
    play("refresh_inventory/vastai")
    (series,) = body(play("inventory_api/prices"))["series"]
    assert (series["gpu_type"], series["points"][0]["cheapest"]) == ("RTX 4090", 0.4)


def test_the_samples_find_the_offer_that_they_rent(play: Play) -> None:
    assert body(play("inventory_api/offer_health"))["count"] == 0
    (listed,) = body(play("inventory_api/list"))["offers"]
    assert listed == body(play("inventory_api/offer"))
    assert json.loads(sample("sessions_api/create")["body"])["offer_id"] == listed["id"]


def test_the_samples_find_a_template_for_the_offer_and_the_offer_for_the_template(
    play: Play,
) -> None:
    assert play("inventory_api/templates")["statusCode"] == 503
    assert play("refresh_inventory/templates") == {"found": 1, "error": None}
    (listed,) = body(play("inventory_api/templates"))["templates"]
    assert listed == body(play("inventory_api/template"))
    (fitting,) = body(play("inventory_api/compatible_templates"))["compatible_templates"]
    assert fitting["hash_id"] == listed["hash_id"]
    assert body(play("inventory_api/list_for_template"))["total"] == 1
