"""What a Vast.ai launch asks for, and what of it no error repeats."""

from __future__ import annotations

import base64

import pytest

from gpu_shopper.core.instances import HostKey
from gpu_shopper.errors import ShopperError
from gpu_shopper.errors.provider import LaunchRejected
from gpu_shopper.providers.host_keys import install
from gpu_shopper.ssh.keys import new_pair
from tests.providers.stub import Network
from tests.providers.vastai_shapes import DONE, KEY, LABEL, RENTED, error, launch_request, vast

HOST_KEY = HostKey(public="ssh-ed25519 AAAA", private_pem=new_pair("host").private_pem)


def test_the_body_asks_for_an_on_demand_machine_with_our_label() -> None:
    """N-17"""
    network = Network(RENTED, DONE)
    asked = launch_request(
        on_start_cmd="echo hello", env={"MODEL": "m"}, exposed_ports=(8000,), disk_gb=80
    )
    vast(network).launch(asked)
    assert network.sent[0].body == {
        "client_id": "me",
        "image": "nvidia/cuda:12.6.3-runtime-ubuntu22.04",
        "label": LABEL,
        "disk": 80.0,
        "env": {"MODEL": "m", "-p 8000:8000": "1"},
        "runtype": "ssh_direc ssh_proxy",
        "onstart": "echo hello",
        "cancel_unavail": True,
    }


def test_an_entrypoint_is_run_as_it_is_and_gets_no_keys() -> None:
    """N-49, 5.1."""
    network = Network(RENTED)
    asked = launch_request(
        entrypoint=True, ssh_public_keys=(), exposed_ports=(8000,), on_start_cmd="echo hello"
    )
    vast(network).launch(asked)
    (sent,) = network.sent
    assert (sent.body["runtype"], sent.body["env"]) == ("args", {"-p 8000:8000": "1"})
    assert sent.body["onstart"] == "echo hello"


def test_the_host_key_comes_before_the_session_s_own_command() -> None:
    """N-35: its command may take long, or end the script."""
    network = Network(RENTED, DONE)
    asked = launch_request(on_start_cmd="exec sleep 9", host_key=HOST_KEY)
    vast(network).launch(asked)
    assert network.sent[0].body["onstart"] == "\n".join([*install(HOST_KEY), "exec sleep 9"])


def test_the_agent_is_started_before_the_caller_s_command_which_may_never_end() -> None:
    """2.12."""
    network = Network(RENTED)
    asked = launch_request(on_start_cmd="exec sleep 9", agent_cmd="(agent) &", ssh_public_keys=())
    vast(network).launch(asked)
    assert network.sent[0].body["onstart"] == "(agent) &\nexec sleep 9"


def test_a_refusal_that_repeats_the_agent_s_command_tells_no_token() -> None:
    """2.12: nor a part of it that still holds the token."""
    command = f"(SHOPPER_AGENT_TOKEN={'t' * 43} SHOPPER_URL=https://x exec agent) &"
    for echoed in (command, command[1:80]):
        network = Network(error("invalid_args", f"bad onstart: {echoed}"))
        with pytest.raises(ShopperError) as caught:
            vast(network).launch(launch_request(agent_cmd=command))
        assert "bad onstart" in caught.value.message
        assert "ttt" not in caught.value.message


def test_an_error_never_repeats_the_host_key() -> None:
    """N-38: as it was sent, which is not as it is."""
    network = Network(error("invalid_args", "bad onstart: " + "\n".join(install(HOST_KEY))))
    with pytest.raises(LaunchRejected) as caught:
        vast(network).launch(launch_request(host_key=HOST_KEY))
    assert "bad onstart" in caught.value.message
    assert "[key]" in caught.value.message
    assert base64.b64encode(HOST_KEY.private_pem.encode()).decode()[:40] not in str(caught.value)


def test_a_template_replaces_the_image() -> None:
    network = Network(RENTED, DONE)
    vast(network).launch(launch_request(template_hash_id="abc123", image="ignored"))
    body = network.sent[0].body
    assert body["template_hash_id"] == "abc123"
    assert not {"image", "price", "onstart"} & set(body)


def test_an_image_of_the_caller_is_used() -> None:
    network = Network(RENTED, DONE)
    vast(network).launch(launch_request(image="vllm/vllm-openai:latest"))
    assert network.sent[0].body["image"] == "vllm/vllm-openai:latest"


def test_a_start_up_command_may_have_4000_characters_and_no_more() -> None:
    network = Network(RENTED, DONE)
    vast(network).launch(launch_request(on_start_cmd="x" * 4_000))
    with pytest.raises(LaunchRejected):
        vast(Network(RENTED)).launch(launch_request(on_start_cmd="x" * 4_001))
    assert len(network.sent[0].body["onstart"]) == 4_000


def test_an_error_never_repeats_our_secrets() -> None:
    """QA-M8"""
    script, secret = "curl https://x.test | bash -s token-abc", "hf_verysecrettoken"
    text = f"bad: {script} {secret} {KEY} key-one-1234"
    network = Network(error("invalid_args", text))
    with pytest.raises(LaunchRejected) as caught:
        vast(network).launch(launch_request(on_start_cmd=script, env={"HF": secret}))
    for part in (script, secret, KEY.split()[1], "key-one-1234"):
        assert part not in str(caught.value)
        assert part not in caught.value.message
