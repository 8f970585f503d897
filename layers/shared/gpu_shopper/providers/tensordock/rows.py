"""TensorDock's instances in our words: one row, and the three shapes of their list."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.instances import Health, HostPort, Instance, SshAddress
from gpu_shopper.core.normalise import gpu_name_raw, price_microusd, provider_text
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.addresses import is_path_id
from gpu_shopper.providers.tensordock.offers import PROVIDER

SSH_USER = "user"
SSH_PORT = 22

_HEALTH: Mapping[str, Health] = {
    **dict.fromkeys(("running", "online"), Health.UP),
    **dict.fromkeys(
        ("creating", "queued", "deploying", "starting", "provisioning", "booting"), Health.WAIT
    ),
    **dict.fromkeys(
        ("stopping", "stopped", "stoppeddisassociated", "error", "terminated", "deleting"),
        Health.FAILED,
    ),
}
"""The status words that are known, without case and separators; any other word is UNKNOWN."""
_GONE = "deleted"


def found_in(body: dict[str, Any], instance_id: str) -> Instance | None:
    """The instance of a single read, bare or in `data`; None when its word is "deleted".

    Raises: BadProviderReply, also when it is another instance.
    """
    row = _flat(body.get("data", body))
    if row.get("id") != instance_id:
        raise BadProviderReply("the answer shows another instance than the one asked for")
    return _instance(row)


def listed_in(body: dict[str, Any]) -> list[Instance]:
    """The instances of a list in any of its shapes; BadProviderReply for any other.

    {data: [row]} · {data: {instances: [row]}} · {data: {attributes: {instances: [row]}}}
    """
    rows = [_flat(row) for row in _rows(body)]
    found = [_instance(row) for row in rows]
    if len({row["id"] for row in rows}) != len(rows):
        raise BadProviderReply("a list that names an instance twice")
    return [instance for instance in found if instance is not None]


def _rows(body: dict[str, Any]) -> list[Any]:
    container: Any = body
    rows = body.get("data")
    if isinstance(rows, dict):
        container = rows.get("attributes", rows)
        rows = container.get("instances") if isinstance(container, dict) else None
    if not isinstance(rows, list) or _is_part(body, rows) or _is_part(container, rows):
        raise BadProviderReply("a list of instances in a shape nobody knows, or not the whole")
    return rows


def _is_part(container: dict[str, Any], rows: list[Any]) -> bool:
    """No paging is documented; whatever hints at more rows makes the list incomplete."""
    more = any(container.get(key) for key in ("next", "next_page", "next_token", "has_more"))
    return more or container.get("total", len(rows)) != len(rows)


def _flat(row: Any) -> dict[str, Any]:
    """A row whose fields may be one level down, in `attributes`."""
    inner = row.get("attributes", {}) if isinstance(row, dict) else None
    if not isinstance(inner, dict):
        raise BadProviderReply("an instance that cannot be read")
    if any(inner[key] != row[key] for key in inner.keys() & row.keys() & {"id", "name", "status"}):
        raise BadProviderReply("an instance that contradicts itself")
    return {**inner, **row}


def _instance(row: dict[str, Any]) -> Instance | None:
    """One row; None when it says "deleted". Raises BadProviderReply without id and name.

    They decide ownership, so a row without them cannot be passed over.
    """
    own_id, name, word = row.get("id"), row.get("name", 0), _text(row.get("status"))
    if not is_path_id(own_id) or not isinstance(name, str | None):
        raise BadProviderReply("an instance without a usable id and name")
    if _folded(word) == _GONE:
        return None
    address = _address(row.get("ipAddress"))
    port_map = _port_map(address, row.get("portForwards"))
    return Instance(
        id=str(own_id),
        provider=PROVIDER,
        label=name,
        health=_HEALTH.get(_folded(word), Health.UNKNOWN),
        status=provider_text(word, 64) or "unreadable",
        price_microusd_per_hour=price_microusd(row.get("rateHourly")),
        ssh=_ssh(address, port_map),
        port_map=port_map,
        gpu_type=_gpu_type(row.get("resources")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).lower()


def _ssh(address: str | None, port_map: Mapping[int, HostPort]) -> SshAddress | None:
    """Port 22 as it is forwarded; a dedicated address forwards nothing, and 22 is 22."""
    if address is None:
        return None
    outside = port_map.get(SSH_PORT, HostPort(address, SSH_PORT))
    return SshAddress(outside.host, outside.port, SSH_USER)


def _port_map(address: str | None, forwards: object) -> dict[int, HostPort]:
    if address is None or not isinstance(forwards, list):
        return {}
    mapped: dict[int, HostPort] = {}
    for one in forwards:
        inside, outside = (
            _port(one.get(key)) if isinstance(one, dict) else None
            for key in ("internal_port", "external_port")
        )
        if inside and outside:
            mapped[inside] = HostPort(address, outside)
    return mapped


def _address(value: object) -> str | None:
    try:
        return str(ipaddress.ip_address(value.strip())) if isinstance(value, str) else None
    except ValueError:
        return None


def _port(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value, re.ASCII):
        value = int(value)
    return value if type(value) is int and 0 < value < 65_536 else None


def _gpu_type(resources: object) -> str | None:
    gpus = resources.get("gpus") if isinstance(resources, dict) else None
    name = next(iter(gpus), None) if isinstance(gpus, dict) else None
    return canonical(gpu_name_raw(name)) or None if name else None
