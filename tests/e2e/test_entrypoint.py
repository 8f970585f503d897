"""Machines that serve HTTP by themselves, asked through the provider's port map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted
from tests.e2e.deployed import wait_for
from tests.e2e.provider import break_it, broken, mend
from tests.e2e.renting import Renting, Row, provider_id, wish
from tests.e2e.stories import told_by

SERVED: dict[str, Any] = {
    "launch_mode": "entrypoint",
    "docker_image": "vllm/vllm-openai:latest",
    "exposed_ports": [8000],
    "health_path": "/v1/models",
    "model_id": "meta-llama/Llama-3.1-8B",
}


@dataclass(frozen=True)
class Served:
    """A session whose machine serves HTTP."""

    running: Row
    said: Row
    launch: Row
    machine: Row
    durations: float


def serves(renting: Renting) -> Served:
    live = renting.live
    rental, running = renting.running(**SERVED)
    said = requests.get(f"{running['api_endpoint']}/v1/models", timeout=10).json()
    (launch,) = provider.launches(live, rental.offer_id)
    machine = provider.machine_of(live, rental)
    rental.end()
    return Served(running, said, launch, machine, counted(live, "ApiVerifyDuration", rental.id))


@told_by(serves)
def test_a_session_in_entrypoint_mode_shows_where_it_serves(told: Served) -> None:
    """T-1, X-14: and whoever asks there is answered."""
    assert told.running["api_endpoint"] == f"http://127.0.0.1:{told.machine['ports']['8000']}"
    assert told.running["api_port"] == told.machine["ports"]["8000"]
    assert told.said["data"]
    assert "ssh_host" not in told.running
    assert told.durations > 0


@told_by(serves)
def test_the_provider_is_asked_for_the_image_s_own_entrypoint(told: Served) -> None:
    """5.1."""
    body = told.launch["body"]
    assert (body["runtype"], body["image"]) == ("args", "vllm/vllm-openai:latest")
    assert body["env"]["VLLM_MODEL"] == SERVED["model_id"]
    assert "--gpu-memory-utilization 0.90" in body["env"]["VLLM_ARGS"]
    assert "-p 8000:8000" in body["env"]
    assert "onstart" not in body
    assert told.machine["keys"] == []


@dataclass(frozen=True)
class Late:
    """A machine that answered 404 at first."""

    waited: Row
    running: Row


def answers_404_at_first(renting: Renting) -> Late:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    rule = break_it(live, {"type": "http", "status": 404}, match=match)
    rental = renting.rent(offer, **SERVED)
    wait_for(lambda: len(audit(live, rental.id, "api_try_failed")) >= 2, 60)
    waited = rental.now()
    mend(live, rule)
    running = rental.until("running")
    rental.end()
    return Late(waited, running)


@told_by(answers_404_at_first)
def test_a_server_that_does_not_know_its_health_path_is_not_ready(told: Late) -> None:
    """N-49, X-14: and asked again until it does."""
    assert told.waited["status"] == "provisioning"
    assert told.running["api_endpoint"]


def never_serves(renting: Renting) -> tuple[Row, list[Row]]:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, {"type": "http", "status": 503}, match=match):
        rental = renting.rent(offer, **SERVED, ssh_timeout_minutes=1)
        failed = rental.until("failed", 150)
    return failed, provider.machines(live, rental.id)


@told_by(never_serves, long=True)
def test_a_server_that_never_serves_fails_with_api_timeout(told: tuple[Row, list[Row]]) -> None:
    """N-49."""
    session, machines = told
    assert session["end_reason"] == "api_timeout"
    assert "HTTP 503" in session["error"]
    assert [one["alive"] for one in machines] == [False]


def test_only_machines_that_run_images_can_serve(renting: Renting) -> None:
    """1.4: TensorDock's cannot."""
    menu = renting.live.operator.get("/api/v1/inventory", provider="tensordock", limit=1)
    caller = renting.consumer()
    refused = caller.send("POST", "/api/v1/sessions", json=wish(menu["offers"][0], **SERVED))
    assert refused.status_code == 400
    assert [one["field"] for one in refused.json()["details"]] == ["launch_mode"]
