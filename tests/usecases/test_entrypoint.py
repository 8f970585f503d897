"""Sessions whose machines serve HTTP instead of being logged in to."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.instances import HostPort
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.fakes import MAPPED_HOST, FakeProbe
from tests.usecases.story import DONE, stop, torn_down
from tests.world import World

SERVED = HostPort(MAPPED_HOST, 48_000)


def created(world: World, **more: Any) -> str:
    wanted: dict[str, Any] = {
        "launch_mode": LaunchMode.ENTRYPOINT,
        "docker_image": "vllm/vllm-openai:latest",
        "exposed_ports": (8_000, 8_001),
        "health_path": "/health",
        "model_id": "org/m-8b",
        "quantization": "AWQ",
    }
    session_id = world.create(**wanted | more).session.id
    launch(world.deps, session_id, 1)
    return session_id


def step(world: World, session_id: str) -> StepResult:
    """One round of the provision machine: look and, when there is an address, verify."""
    result = look(world.deps, session_id, 1)
    if result.outcome == "verify":
        result = verify(world.deps, FakeProbe([SshResult.KEY_PARSE_FAILED]), session_id, 1)
    return result


def test_a_machine_that_serves_its_health_path_is_running(world: World) -> None:
    """T-1, N-49: asked at the first exposed port's address; nobody logs in."""
    session_id = created(world)
    assert step(world, session_id) == DONE
    session = world.session(session_id)
    assert (session.state, session.api) == (State.RUNNING, SERVED)
    assert world.api.asked == [(SERVED, "/health")]
    assert session.ready_at == world.clock.at
    metrics = {name for fact in world.facts for name in fact.metrics}
    assert {"ApiVerifyDuration", "ProvisioningDuration"} <= metrics
    assert "SshVerifyDuration" not in metrics


def test_the_machine_is_asked_for_without_ssh(world: World) -> None:
    """5.1: the image's entrypoint, its ports and environment; no keys of any kind."""
    created(world, on_start_cmd="echo hello")
    (request,) = world.vast.requests
    assert request.entrypoint
    assert (request.image, request.exposed_ports) == ("vllm/vllm-openai:latest", (8_000, 8_001))
    assert request.env["VLLM_MODEL"] == "org/m-8b"
    assert request.on_start_cmd == "echo hello"
    assert (request.ssh_public_keys, request.host_key) == ((), None)


def test_a_machine_to_log_in_to_may_expose_ports_too(world: World) -> None:
    """1.4: and its image gets no environment of ours."""
    session_id = created(world, launch_mode=LaunchMode.SSH)
    (request,) = world.vast.requests
    assert (request.entrypoint, request.exposed_ports) == (False, (8_000, 8_001))
    assert request.env == {}
    look(world.deps, session_id, 1)
    assert world.session(session_id).api == SERVED


@pytest.mark.parametrize("result", [404, 500, 503, SshResult.CONNECTION_REFUSED, SshResult.TIMEOUT])
def test_it_is_asked_every_15_seconds_until_it_serves(
    world: World, result: int | SshResult
) -> None:
    """N-49, X-14."""
    world.api.results = [result, result, 302]
    session_id = created(world)
    assert step(world, session_id) == StepResult("look", 15)
    assert step(world, session_id) == StepResult("look", 15)
    assert world.session(session_id).state is State.PROVISIONING
    assert step(world, session_id) == DONE
    assert world.session(session_id).state is State.RUNNING


def test_until_the_port_is_mapped_nobody_is_asked(world: World) -> None:
    """N-49: through the provider's port map."""
    session_id = created(world, exposed_ports=(9_000,))
    instance = world.vast.instances["5001"]
    object.__setattr__(instance, "port_map", {})
    assert look(world.deps, session_id, 1).outcome == "look"
    assert world.api.asked == []
    object.__setattr__(instance, "port_map", {9_000: SERVED})
    assert step(world, session_id) == DONE


def test_a_server_that_never_answers_fails_at_the_deadline(world: World) -> None:
    """N-49: api_timeout, torn down, the offer blamed; the deadline is that of SSH."""
    world.api.results = [503]
    session_id = created(world, ssh_timeout_min=2)
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(step(world, session_id).wait_s)
    session = world.session(session_id)
    assert session.end_reason is EndReason.API_TIMEOUT
    assert "HTTP 503" in (session.error or "")
    assert 120 <= (world.clock.at - session.created_at).total_seconds() <= 140
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED
    assert any(fact.dimensions.get("FailureType") == "api_timeout" for fact in world.facts)
    assert [fact.metrics for fact in world.facts if fact.operation == "verification_failed"] == [
        {"ApiVerifyFailures": 1}
    ]


def test_the_sweep_ends_an_attempt_whose_execution_died(world: World) -> None:
    """2.15: api_timeout as well."""
    session_id = created(world, ssh_timeout_min=1)
    world.clock.tick(60 + world.deps.settings.deadline_grace_s)
    expire_sessions(world.deps)
    assert world.session(session_id).end_reason is EndReason.API_TIMEOUT


def test_an_answer_after_a_stop_changes_nothing(world: World) -> None:
    """M-32."""
    session_id = created(world)
    look(world.deps, session_id, 1)
    stop(world, session_id)
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_an_answer_while_a_stop_is_written_changes_nothing(world: World) -> None:
    """M-32, M-65."""
    session_id = created(world)
    look(world.deps, session_id, 1)
    asked = world.api

    def stopping(*args: Any) -> Any:
        stop(world, session_id)
        return asked(*args)

    object.__setattr__(world.deps, "ask_api", stopping)
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_a_running_machine_that_serves_is_not_checked_over_ssh(world: World) -> None:
    """1.4: nobody can log in there."""
    session_id = created(world)
    step(world, session_id)
    world.clock.tick(3_600)
    expire_sessions(world.deps)
    assert world.checks.begun == []
