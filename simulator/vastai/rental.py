"""What a create asks for: the body's checks, and what the machine will be."""

from __future__ import annotations

import json
import re
from typing import Any

from simulator.fleet import Birth, micro
from simulator.instances import Hardware
from simulator.ssh.injected import injected_host_key
from simulator.vastai import fields, templates
from simulator.vastai.machines import Ask

MIN_DISK_GB = 8.0
LONGEST_LABEL = 256
LONGEST_SCRIPT = 16_384  # onstart and args together; sources name 4,096 and 16,384
LOWEST_BID, HIGHEST_BID = 0.001, 128.0

_PORT = re.compile(r"-p\s+\d{1,5}:(\d{1,5})(?:/tcp)?")
_KNOWN = {
    "client_id",
    "image",
    "disk",
    "label",
    "env",
    "price",
    "onstart",
    "runtype",
    "args",
    "args_str",
    "template_hash_id",
    "template_id",
    "image_login",
    "extra",
    "user",
    "python_utf8",
    "lang_utf8",
    "use_jupyter_lab",
    "jupyter_dir",
    "force",
    "cancel_unavail",
    "target_state",
    "vm",
    "volume_info",
    "create_from",
    "api_key",
    "onstart_cmd",
}


class BadRental(Exception):
    """The create body is refused with 400: (error, msg)."""

    def __init__(self, name: str, msg: str) -> None:
        super().__init__(msg)
        self.name = name
        self.msg = msg


def checked(body: Any, *, strict: bool) -> dict[str, Any]:
    """The body of a create. Raises BadRental."""
    if not isinstance(body, dict):
        raise BadRental("invalid_request", "Invalid json body")
    if strict and (unknown := sorted(set(body) - _KNOWN)):
        raise BadRental("invalid_args", f"unknown arguments: {', '.join(unknown)}")
    if not _text(body.get("image")) and not _text(body.get("template_hash_id")):
        raise BadRental("invalid_args", "image or template_hash_id is required")
    _check_disk(body.get("disk"))
    _check_env(body.get("env"))
    _check_label(body.get("label"))
    _check_price(body.get("price"))
    if len(str(body.get("onstart") or "")) + len(str(body.get("args") or "")) > LONGEST_SCRIPT:
        raise BadRental("invalid_args", "onstart is too long")
    return body


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_disk(disk: Any) -> None:
    if disk is None:
        return
    if isinstance(disk, bool) or not isinstance(disk, int | float) or disk < MIN_DISK_GB:
        raise BadRental("invalid_args", f"disk must be a number of at least {MIN_DISK_GB:g} GB")


def _check_env(env: Any) -> None:
    if env is None or isinstance(env, dict):
        return
    raise BadRental("invalid_args", "env must be an object")


def _check_label(label: Any) -> None:
    if label is None:
        return
    if not isinstance(label, str) or len(label) > LONGEST_LABEL:
        raise BadRental("invalid_args", f"label must be a text of at most {LONGEST_LABEL}")


def _check_price(price: Any) -> None:
    if price is None:
        return
    number = isinstance(price, int | float) and not isinstance(price, bool)
    if not number or not LOWEST_BID <= price <= HIGHEST_BID:
        raise BadRental("invalid_price", f"price must be in [{LOWEST_BID}, {HIGHEST_BID}]")


def birth(ask: Ask, body: dict[str, Any], boot: tuple[tuple[float, str], ...]) -> Birth:
    """The machine that this ask and body make; priced with the disk asked for."""
    body = templates.filled(body)
    disk_gb = float(body.get("disk") or MIN_DISK_GB)
    entrypoint = body.get("runtype") == "args"
    gpu_price = body.get("price") or ask.dph_base
    storage = ask.machine.storage_cost * disk_gb / fields.HOURS_PER_MONTH
    return Birth(
        provider="vastai",
        label=body.get("label"),
        offer_id=str(ask.id),
        hardware=hardware(ask, disk_gb),
        request=json.loads(json.dumps(body)),
        price_micro=micro(gpu_price + storage),
        disk_gb=disk_gb,
        boot=boot,
        ssh_users=() if entrypoint else ("root",),
        ports=mapped_ports(body.get("env") or {}),
        serves_http=entrypoint,
        host_key=injected_host_key(str(body.get("onstart") or "")),
        image=str(body.get("image") or "vastai/base-image"),
    )


def mapped_ports(env: dict[str, Any]) -> tuple[int, ...]:
    """TCP ports of the container that `-p OUT:IN` entries of the environment map."""
    found = (_PORT.fullmatch(name.strip()) for name in env)
    return tuple(dict.fromkeys(int(match.group(1)) for match in found if match))


def hardware(ask: Ask, disk_gb: float) -> Hardware:
    """What the inside of a machine rented through this ask looks like."""
    machine = ask.machine
    return Hardware(
        gpu_name=machine.model.name,
        gpus=ask.size,
        memory_mb=machine.gpu_ram_mb,
        power_w=machine.model.power_w,
        compute_cap=machine.model.compute_cap,
        driver=machine.driver,
        cuda=machine.cuda if machine.model.arch == "nvidia" else None,
        disk_gb=disk_gb,
        cpu_name=machine.cpu[0],
        cpu_cores=max(1, int(machine.cpu[2] * ask.share)),
        ram_mb=int(machine.cpu_ram_mb * ask.share),
        bus_offset=machine.id,
    )
