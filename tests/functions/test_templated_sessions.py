"""POST /sessions with a template: what it brings along, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.usecases.provision import launch
from tests.builders import TEMPLATE_HASH, a_template, an_offer
from tests.functions.calls import Client
from tests.functions.rentals import PATH, post
from tests.functions.test_sessions_api import nothing_was_written
from tests.world import World

DOCK_ID = "tensordock-1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f-a40-pcie-48gb"
VLLM = a_template(hash_id="vllm", name="Fast", image="Vllm/vllm-openai", recommended_disk_gb=100.2)
TGI = a_template(hash_id="tgi", name="vllm by name", image="huggingface/TGI")
PLAIN = a_template(hash_id="plain", image="vastai/base-image", recommended_disk_gb=None)
SMALL = a_template(hash_id="small", image="vastai/base-image", recommended_disk_gb=16.0)
DEMANDING = a_template(
    hash_id="demanding",
    extra_filters='{"gpu_ram": {"gte": 1}, "compute_cap": {"gte": 1}, "num_gpus": {"gt": 1}}',
)


@pytest.fixture(autouse=True)
def _templates(wired: World) -> None:
    wired.publish_templates(a_template(), VLLM, TGI, PLAIN, SMALL, DEMANDING)


def rented(client: Client, hash_id: str, **fields: Any) -> dict[str, Any]:
    reply = post(client, template_hash_id=hash_id, **fields)
    assert reply.status == 201, reply.text
    session: dict[str, Any] = reply.json["session"]
    return session


def test_the_session_names_its_template_as_it_was_called(sessions: Client, wired: World) -> None:
    """1.4: stored; a later change of the templates changes nothing."""
    created = rented(sessions, TEMPLATE_HASH)
    assert created["template_hash_id"] == TEMPLATE_HASH
    assert created["template_name"] == "Open WebUI (Ollama)"
    assert "docker_image" not in created
    wired.clock.tick(1)
    wired.publish_templates(PLAIN)
    later = sessions("GET", f"{PATH}/{created['id']}").json
    assert later == created | {"cost_through": later["cost_through"]}


def test_without_a_template_none_is_shown(sessions: Client) -> None:
    created = post(sessions).json["session"]
    assert not {"template_hash_id", "template_name"} & set(created)


@pytest.fixture
def asked(wired: World, monkeypatch: pytest.MonkeyPatch) -> list[LaunchRequest]:
    """What the provider is asked for."""
    seen: list[LaunchRequest] = []
    really = wired.vast.launch

    def note(request: LaunchRequest) -> Any:
        seen.append(request)
        return really(request)

    monkeypatch.setattr(wired.vast, "launch", note)
    return seen


def test_the_launch_asks_for_the_template_and_no_image(
    sessions: Client, wired: World, asked: list[LaunchRequest]
) -> None:
    """5.1."""
    launch(wired.deps, rented(sessions, TEMPLATE_HASH)["id"], 1)
    (request,) = asked
    assert (request.template_hash_id, request.image) == (TEMPLATE_HASH, None)
    assert request.disk_gb == 60


@pytest.mark.parametrize(
    ("script", "command", "sent", "has_key"),
    [
        ("entrypoint.sh", None, "entrypoint.sh", True),
        ("entrypoint.sh", "mine", "mine", True),
        (None, None, None, True),
        ("x" * 4_000, None, None, False),
        ("x" * 4_000, "mine", "mine", True),
    ],
)
def test_commands_of_ours_bring_the_template_s_own_script_along(
    sessions: Client,
    wired: World,
    asked: list[LaunchRequest],
    script: str | None,
    command: str | None,
    sent: str | None,
    has_key: bool,
) -> None:
    """What a launch sends replaces the template's script, without which nothing would start."""
    wired.clock.tick(1)
    wired.publish_templates(a_template(onstart=script))
    fields = {} if command is None else {"on_start_cmd": command}
    session = rented(sessions, TEMPLATE_HASH, **fields)
    assert session["has_on_start_cmd"] is (command is not None)
    launch(wired.deps, session["id"], 1)
    (request,) = asked
    assert (request.on_start_cmd, request.host_key is not None) == (sent, has_key)


@pytest.mark.parametrize(
    ("hash_id", "minutes"), [("vllm", 15), (TEMPLATE_HASH, 12), ("tgi", 12), ("plain", 10)]
)
def test_the_template_s_image_decides_how_long_it_may_load(
    sessions: Client, hash_id: str, minutes: int
) -> None:
    """BUG-005, N-33: unless the caller says."""
    assert rented(sessions, hash_id)["ssh_timeout_minutes"] == minutes


def test_the_caller_decides_before_the_template_how_long_it_may_load(sessions: Client) -> None:
    """BUG-005, N-33."""
    assert rented(sessions, "vllm", ssh_timeout_minutes=3)["ssh_timeout_minutes"] == 3


@pytest.mark.parametrize(
    ("hash_id", "fields", "disk_gb"),
    [
        ("vllm", {}, 101),
        ("vllm", {"disk_gb": 101}, 101),
        ("vllm", {"disk_gb": 300}, 300),
        (TEMPLATE_HASH, {}, 60),
        ("plain", {}, 50),
        ("plain", {"disk_gb": 20}, 20),
        ("small", {}, 16),
        ("small", {"model_id": "a/m-8b"}, 55),
        ("vllm", {"model_id": "a/m-8b"}, 101),
    ],
)
def test_the_disk_is_at_least_what_the_template_recommends(
    sessions: Client, hash_id: str, fields: dict[str, Any], disk_gb: int
) -> None:
    """2.17: it raises both sizes; with a model its image counts 15 GB."""
    created = rented(sessions, hash_id, **fields)
    assert created["disk_gb"] == disk_gb
    dearer = (disk_gb - 50) * 100_000 / 720 / 1_000_000
    assert created["price_per_hour"] == pytest.approx(0.4 + dearer, abs=2e-6)


def test_less_disk_than_the_template_recommends_is_refused(sessions: Client, wired: World) -> None:
    """X-9, 2.17: both sides of the edge."""
    reply = post(sessions, template_hash_id="vllm", disk_gb=100)
    assert (reply.status, reply.json["error_type"]) == (400, "insufficient_disk")
    assert (reply.json["minimum_gb"], reply.json["breakdown"]["template_floor_gb"]) == (101, 101)
    assert nothing_was_written(wired)


def test_the_price_with_the_template_s_disk_must_please_the_caller(
    sessions: Client, wired: World
) -> None:
    """N-16: 101 GB cost 51 × $0.10 / 720 an hour more than the default."""
    reply = post(sessions, template_hash_id="vllm", max_price=0.407)
    assert (reply.status, reply.json["error_type"]) == (409, "price_above_max")
    assert nothing_was_written(wired)
    assert post(sessions, template_hash_id="vllm", max_price=0.4071).status == 201


@pytest.mark.parametrize(
    ("fields", "status", "error_type"),
    [
        ({"template_hash_id": "unknown"}, 404, "template_not_found"),
        ({"template_hash_id": ""}, 400, "validation_error"),
        ({"template_hash_id": "a-b"}, 400, "validation_error"),
        ({"template_hash_id": "a" * 65}, 400, "validation_error"),
        ({"template_hash_id": 7}, 400, "validation_error"),
        ({"template_hash_id": "plain", "docker_image": "a/b"}, 400, "validation_error"),
        ({"template_hash_id": "demanding"}, 400, "validation_error"),
        ({"template_hash_id": "unknown", "offer_id": "vastai-9"}, 404, "offer_not_found"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    sessions: Client, wired: World, fields: dict[str, Any], status: int, error_type: str
) -> None:
    """1.4."""
    reply = post(sessions, **fields)
    assert (reply.status, reply.json["error_type"]) == (status, error_type)
    if error_type == "validation_error":
        assert reply.fields == ["template_hash_id"]
    assert nothing_was_written(wired)


def test_what_the_offer_lacks_is_named(sessions: Client) -> None:
    reply = post(sessions, template_hash_id="demanding")
    assert reply.json["error"].endswith("which lacks compute_cap.gte, num_gpus.gt")


def test_a_template_is_for_offers_of_its_provider(
    sessions: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.4: Vast.ai offers only."""
    deps = replace(wired.deps, enabled_providers=("vastai", "tensordock"))
    monkeypatch.setattr("functions.sessions_api.app.deps", lambda: deps)
    wired.publish([an_offer(id=DOCK_ID, provider="tensordock", provider_id=DOCK_ID[11:])])
    reply = post(sessions, template_hash_id="plain", offer_id=DOCK_ID)
    assert (reply.status, reply.fields) == (400, ["template_hash_id"])
    assert "tensordock" in reply.json["error"]


def test_while_no_templates_are_known_none_can_be_rented(sessions: Client, wired: World) -> None:
    wired.clock.tick(86_401)
    wired.publish()
    reply = post(sessions, template_hash_id="plain")
    assert (reply.status, reply.json["error_type"]) == (503, "provider_unavailable")
    assert post(sessions).status == 201
