"""What a TensorDock launch asks for, and what it never sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.errors.provider import LaunchRejected
from tests.providers.contract import LABEL, PUBLIC_KEY
from tests.providers.stub import Network
from tests.providers.tensordock_shapes import (
    CREATE_TIMEOUT_S,
    GPU,
    PLACE_ID,
    created,
    dock,
    error,
    launch_request,
)


def test_a_create_may_take_its_own_longer_time() -> None:
    """M-19: 60 s to read, 5 s to connect."""
    network = Network(created())
    dock(network).launch(launch_request())
    assert network.timeouts == [(5, CREATE_TIMEOUT_S)]


def attributes(request: LaunchRequest) -> dict[str, Any]:
    """What a launch sends, without its envelope."""
    network = Network(created())
    dock(network).launch(request)
    body = network.sent[0].body
    assert set(body) == {"data"}
    assert set(body["data"]) == {"type", "attributes"}
    assert body["data"]["type"] == "virtualmachine"
    sent: dict[str, Any] = body["data"]["attributes"]
    return sent


def test_the_body_asks_for_the_offer_an_address_of_its_own_and_our_label() -> None:
    """BUG-002, BUG-008, N-17: runcmd only; useDedicatedIp and no port_forwards; the name."""
    sent = attributes(launch_request(disk_gb=250, on_start_cmd="echo hello"))
    cloud_init = sent.pop("cloud_init")
    assert sent == {
        "name": LABEL,
        "type": "virtualmachine",
        "image": "ubuntu2204",
        "resources": {
            "vcpu_count": 8,
            "ram_gb": 32,
            "storage_gb": 250,
            "gpus": {GPU: {"count": 1}},
        },
        "location_id": PLACE_ID,
        "useDedicatedIp": True,
        "ssh_key": PUBLIC_KEY,
    }
    assert set(cloud_init) == {"runcmd"}
    assert all(isinstance(command, str) for command in cloud_init["runcmd"])
    assert cloud_init["runcmd"][-1] == "echo hello"


def test_an_offer_of_several_gpus_asks_for_that_many() -> None:
    """X-21: create asks for the offer's gpu_count."""
    assert attributes(launch_request(2))["resources"]["gpus"] == {GPU: {"count": 2}}


def test_a_small_location_is_asked_for_what_its_price_was_made_of() -> None:
    """X-21: never more than the location's limits."""
    asked = launch_request()
    offer = asked.offer._replace(vcpus=4, ram_gb=16)
    resources = attributes(replace(asked, offer=offer))["resources"]
    assert (resources["vcpu_count"], resources["ram_gb"]) == (4, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"provider_id": ""},
        {"provider_id": "1"},
        {"provider_id": PLACE_ID},
        {"provider_id": f"{PLACE_ID}-{GPU}-x2"},
        {"provider_id": f"{PLACE_ID}-a40-pcie-48gb"},
        {"gpu_name_raw": "a40-pcie-48gb"},
        {"gpu_count": 4},
    ],
)
def test_an_offer_whose_id_names_something_else_is_never_launched(changes: dict[str, Any]) -> None:
    asked = launch_request()
    network = Network(created())
    with pytest.raises(LaunchRejected):
        dock(network).launch(replace(asked, offer=asked.offer._replace(**changes)))
    assert network.sent == []


@pytest.mark.parametrize(
    "changes",
    [
        {"ssh_public_keys": ()},
        {"ssh_public_keys": ("",)},
        {"ssh_public_keys": (PUBLIC_KEY, "ssh-ed25519 AAAA; rm -rf /")},
        {"ssh_public_keys": (PUBLIC_KEY + "\nssh-ed25519 AAAA",)},
        {"image": "vllm/vllm-openai:latest"},
        {"template_hash_id": "abc"},
        {"env": {"HF_TOKEN": "hf_x"}},
    ],
)
def test_what_a_machine_there_cannot_have_is_refused_before_the_call(
    changes: dict[str, Any],
) -> None:
    network = Network(created())
    with pytest.raises(LaunchRejected):
        dock(network).launch(launch_request(**changes))
    assert network.sent == []


def test_an_error_never_repeats_our_secrets() -> None:
    """QA-M8: neither start-up command nor keys nor the token."""
    script = "curl https://x.test | bash -s token-abc"
    network = Network(error(f"bad: {script} {PUBLIC_KEY} key-one-1234"))
    with pytest.raises(LaunchRejected) as caught:
        dock(network).launch(launch_request(on_start_cmd=script))
    for part in (script, PUBLIC_KEY.split()[1], "key-one-1234"):
        assert part not in str(caught.value)
        assert part not in caught.value.message
