"""What a row of Vast.ai's instances means."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.instances import Health, SshAddress
from gpu_shopper.providers.vastai.rows import instance_of
from tests.providers.vastai_shapes import instance_row


@pytest.mark.parametrize(
    ("word", "message", "health"),
    [
        ("running", None, Health.UP),
        ("running", "Error response from daemon: old news", Health.UP),
        (None, None, Health.WAIT),
        ("created", None, Health.WAIT),
        ("loading", "pulling", Health.WAIT),
        ("rebooting", None, Health.WAIT),
        ("exited", None, Health.FAILED),
        ("stopped", None, Health.FAILED),
        ("offline", None, Health.FAILED),
        ("frozen", None, Health.FAILED),
        ("created", "x: OCI runtime create failed: y", Health.FAILED),
        ("loading", "x: OCI runtime create failed: y", Health.WAIT),
        ("loading", "Error response from daemon: manifest for X not found\n", Health.FAILED),
        (None, "Error response from daemon: no space", Health.FAILED),
        ("unknown", None, Health.UNKNOWN),
        ("Running", None, Health.UNKNOWN),
        ("", None, Health.UNKNOWN),
        ("gone", None, Health.UNKNOWN),
        ("deleted", None, Health.UNKNOWN),
        (7, None, Health.UNKNOWN),
        ([], None, Health.UNKNOWN),
        ({}, 7, Health.UNKNOWN),
    ],
)
def test_a_status_word_means_up_wait_failed_or_unknown(
    word: object, message: object, health: Health
) -> None:
    row = instance_row(actual_status=word, status_msg=message)
    assert instance_of(row).health is health


def test_a_row_without_a_status_is_unknown() -> None:
    row = instance_row()
    del row["actual_status"]
    assert instance_of(row).health is Health.UNKNOWN


DIRECT = SshAddress("203.0.113.7", 30022, "root")
PROXY = SshAddress("ssh7.vast.ai", 12296, "root")


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, DIRECT),
        ({"public_ipaddr": " 203.0.113.7 \n"}, DIRECT),
        ({"actual_status": "loading"}, DIRECT),
        ({"ports": {}}, PROXY),
        ({"ports": None}, PROXY),
        ({"ports": [22]}, PROXY),
        ({"ports": {"22/tcp": []}}, PROXY),
        ({"ports": {"22/tcp": [{"HostPort": "0"}]}}, PROXY),
        ({"ports": {"22/tcp": [{"HostPort": "99999"}]}}, PROXY),
        ({"ports": {"22/tcp": ["30022"]}}, PROXY),
        ({"ports": {"22/udp": [{"HostPort": "30022"}]}}, PROXY),
        ({"public_ipaddr": None}, PROXY),
        ({"public_ipaddr": "not an address"}, PROXY),
        ({"public_ipaddr": "203.0.113.7; rm"}, PROXY),
        ({"ports": None, "actual_status": "loading"}, None),
        ({"ports": None, "actual_status": None}, None),
        ({"ports": None, "ssh_port": None}, None),
        ({"ports": None, "ssh_port": 70_000}, None),
        ({"ports": None, "ssh_host": ""}, None),
        ({"ports": None, "ssh_host": "-oProxyCommand=x"}, None),
        ({"ports": None, "ssh_host": 7}, None),
    ],
)
def test_ssh_is_direct_when_port_22_is_mapped_and_by_proxy_otherwise(
    changes: dict[str, Any], address: SshAddress | None
) -> None:
    assert instance_of(instance_row(**changes)).ssh == address
