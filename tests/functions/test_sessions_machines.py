"""POST /sessions: what the machine is to hold, and how it is to be used."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeProbe
from tests.functions.calls import Client
from tests.functions.rentals import PATH, SERVED, post
from tests.world import World


def nothing_was_written(world: World) -> bool:
    return world.deps.sessions.scan()["Count"] == 0


def test_less_disk_than_the_model_needs_is_refused_with_the_estimate(
    sessions: Client, wired: World
) -> None:
    """X-9, M-8: nothing is left behind, so the same offer can be asked for again at once."""
    model: dict[str, Any] = {"model_id": "TheBloke/Llama-2-70B-AWQ"}
    reply = post(sessions, disk_gb=74, **model)
    assert (reply.status, reply.json["error_type"]) == (400, "insufficient_disk")
    assert (reply.json["requested_gb"], reply.json["minimum_gb"]) == (74, 75)
    assert reply.json["recommended_gb"] == 90
    assert reply.json["breakdown"] == {
        "model_weight_gb": 39.375,
        "download_buffer_gb": 19.6875,
        "docker_image_gb": 10,
        "system_overhead_gb": 5,
        "minimum_gb": 75,
        "recommended_gb": 90,
        "model_id": "TheBloke/Llama-2-70B-AWQ",
        "quantization": "AWQ",
        "param_count_b": 70,
    }
    assert nothing_was_written(wired)
    again = post(sessions, disk_gb=75, **model)
    assert (again.status, again.json["session"]["disk_gb"]) == (201, 75)


def test_without_a_disk_size_the_model_decides(sessions: Client) -> None:
    """2.17: the recommended size, and a price with it; quantization in any case."""
    fields: dict[str, Any] = {"model_id": "deepseek-ai/DeepSeek-R1", "quantization": "fp8"}
    session = post(sessions, **fields).json["session"]
    assert (session["disk_gb"], session["quantization"]) == (1230, "FP8")
    assert session["model_id"] == "deepseek-ai/DeepSeek-R1"
    assert session["price_per_hour"] == pytest.approx(0.4 + 0.1 * (1230 - 50) / 720, abs=1e-6)
    assert session["warnings"] == []


def test_a_model_of_unknown_size_gets_the_usual_disk(sessions: Client) -> None:
    """2.17: no estimate, no refusal."""
    session = post(sessions, model_id="openai/whisper-large").json["session"]
    assert session["disk_gb"] == 50


def test_the_price_with_the_models_disk_is_what_max_price_limits(sessions: Client) -> None:
    """1.4: the price is checked before the disk."""
    reply = post(sessions, model_id="deepseek-ai/DeepSeek-R1", max_price=0.5)
    assert (reply.status, reply.json["error_type"]) == (409, "price_above_max")


def test_a_session_that_serves_http_shows_where(sessions: Client, wired: World) -> None:
    """T-1, N-49: all as asked for, and no way to log in."""
    created = post(sessions, **SERVED).json["session"]
    assert (created["launch_mode"], created["exposed_ports"]) == ("entrypoint", [8000])
    assert (created["health_path"], created["ssh_timeout_minutes"]) == ("/", 15)
    assert "api_endpoint" not in created
    launch(wired.deps, created["id"], 1)
    look(wired.deps, created["id"], 1)
    verify(wired.deps, FakeProbe(), created["id"], 1)
    session = sessions("GET", f"{PATH}/{created['id']}").json
    assert session["status"] == "running"
    assert session["api_endpoint"] == "http://203.0.113.7:48000"
    assert session["api_port"] == 48_000
    assert session["port_map"] == {"8000": {"host": "203.0.113.7", "port": 48_000}}
    assert not {"ssh_host", "ssh_port", "ssh_user", "known_hosts"} & set(session)
    shown = sessions("GET", f"{PATH}/{created['id']}/diagnostics").json
    assert (shown["launch_mode"], shown["ssh_available"]) == ("entrypoint", None)
    assert shown["api_endpoint"] == session["api_endpoint"]


def test_a_session_to_log_in_to_has_no_health_path(sessions: Client) -> None:
    session = post(sessions).json["session"]
    assert (session["launch_mode"], session["exposed_ports"]) == ("ssh", [])
    assert "health_path" not in session


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({}, 10),
        ({"docker_image": "vllm/vllm-openai:latest"}, 15),
        ({"docker_image": "ollama/ollama"}, 12),
        ({"docker_image": "vllm/vllm-openai:latest", "ssh_timeout_minutes": 3}, 3),
    ],
)
def test_images_that_load_long_get_longer(
    sessions: Client, fields: dict[str, Any], minutes: int
) -> None:
    """BUG-005: unless the caller says how long."""
    assert post(sessions, **fields).json["session"]["ssh_timeout_minutes"] == minutes
