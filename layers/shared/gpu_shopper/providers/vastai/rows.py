"""One row of Vast.ai's instances, in our words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.instances import Health, HostPort, Instance, SshAddress
from gpu_shopper.core.normalise import gpu_name_raw, machine_id, price_microusd, provider_text
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.vastai.offers import PROVIDER

SSH_USER = "root"

_HEALTH: Mapping[str | None, Health] = {
    None: Health.WAIT,
    "created": Health.WAIT,
    "loading": Health.WAIT,
    "rebooting": Health.WAIT,
    "running": Health.UP,
    "exited": Health.FAILED,
    "stopped": Health.FAILED,
    "offline": Health.FAILED,
    "frozen": Health.FAILED,
}
"""The status words that are known; any other word is UNKNOWN, and none of them means gone."""
_DAEMON_ERROR = "error response from daemon"
_CREATE_FAILED = "oci runtime create failed"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_TCP_PORT = re.compile(r"([0-9]{1,5})/tcp", re.ASCII)


def instance_of(row: Any) -> Instance:
    """One row. Raises BadProviderReply without a usable id and label: they decide ownership."""
    if not isinstance(row, dict) or "label" not in row:
        raise BadProviderReply("an instance that cannot be read")
    own_id, label = row.get("id"), row["label"]
    if type(own_id) is not int or own_id <= 0 or not isinstance(label, str | None):
        raise BadProviderReply("an instance without a usable id and label")
    message = _text(row.get("status_msg"))
    name = _text(row.get("gpu_name"))
    return Instance(
        id=str(own_id),
        provider=PROVIDER,
        label=label,
        health=_health(row, message or ""),
        status=_status(row.get("actual_status")),
        message=provider_text(message) or None if message else None,
        price_microusd_per_hour=price_microusd(row.get("dph_total")),
        ssh=_ssh(row),
        port_map=_port_map(row),
        gpu_type=canonical(gpu_name_raw(name)) or None if name else None,
        machine_id=machine_id(row.get("machine_id")),
    )


def _health(row: dict[str, Any], message: str) -> Health:
    word = row.get("actual_status", "")
    health = _HEALTH.get(word, Health.UNKNOWN) if isinstance(word, str | None) else Health.UNKNOWN
    if health is Health.UP:
        return health
    text = message.lower()
    if _DAEMON_ERROR in text or (word == "created" and _CREATE_FAILED in text):
        return Health.FAILED
    return health


def _status(word: object) -> str:
    """The provider's word; a machine that has none yet is being provisioned."""
    if word is None:
        return "provisioning"
    return provider_text(word, 64) or "unreadable" if isinstance(word, str) else "unreadable"


def _ssh(row: dict[str, Any]) -> SshAddress | None:
    """The direct address when port 22 is mapped, else the proxy's once the machine runs."""
    direct = _port_map(row).get(22)
    if direct is not None:
        return SshAddress(direct.host, direct.port, SSH_USER)
    host, port = _text(row.get("ssh_host")), _port(row.get("ssh_port"))
    if row.get("actual_status") != "running" or port is None or not host:
        return None
    return SshAddress(host, port, SSH_USER) if _HOST.fullmatch(host) else None


def _port_map(row: dict[str, Any]) -> dict[int, HostPort]:
    """TCP ports inside → where the public address maps them; Docker's form, ports as text."""
    host, ports = _public_address(row.get("public_ipaddr")), row.get("ports")
    if host is None or not isinstance(ports, dict):
        return {}
    mapped: dict[int, HostPort] = {}
    for name, targets in ports.items():
        inside = _TCP_PORT.fullmatch(name)
        first = targets[0] if isinstance(targets, list) and targets else None
        outside = _port(first.get("HostPort")) if isinstance(first, dict) else None
        if inside and outside:
            mapped[int(inside[1])] = HostPort(host, outside)
    return mapped


def _public_address(value: object) -> str | None:
    try:
        return str(ipaddress.ip_address(value.strip())) if isinstance(value, str) else None
    except ValueError:
        return None


def _port(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value, re.ASCII):
        value = int(value)
    return value if type(value) is int and 0 < value < 65_536 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
