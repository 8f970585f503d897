"""The row of a rented machine, as both the single and the list endpoint show it."""

from __future__ import annotations

from typing import Any

from simulator.instances import MICRO, Instance
from simulator.vastai import fields, templates
from simulator.vastai.machines import Ask

ADDRESS = "127.0.0.1"
_CLOSED_PORTS = -1
_UNTIDY = 4  # each so-manieth machine's address ends in a newline, as real ones do
_UNLOADED = (None, "created", "loading")


def instance_row(instance: Instance, ask: Ask, market_s: float, now_s: float) -> dict[str, Any]:
    """Offer fields plus the rental's own; `market_s` is when the market was made."""
    row = fields.render(ask, instance.disk_gb, market_s, now_s)
    for name in ("ask_contract_id", "bundled_results", "rentable", "rented", "gpu_ids", "rn"):
        row.pop(name)
    return (
        row
        | _prices(instance, ask)
        | _life(instance, now_s)
        | _software(instance)
        | _address(instance)
        | _usage(instance)
    )


def _prices(instance: Instance, ask: Ask) -> dict[str, Any]:
    """The full rate stays shown when stopped; `instance` tells what it burns now: then its disk."""
    total = instance.price_micro / MICRO
    disk = min(total, ask.machine.storage_cost * instance.disk_gb / fields.HOURS_PER_MONTH)
    return {
        "dph_total": total,
        "dph_total_adj": total,
        "search": _parts(total - disk, disk),
        "instance": _parts(total - disk if instance.wanted == "running" else 0.0, disk),
        "is_bid": instance.request.get("price") is not None,
    }


def _parts(gpu: float, disk: float) -> dict[str, Any]:
    total = round(gpu + disk, 9)
    return {
        "gpuCostPerHour": round(gpu, 9),
        "diskHour": round(disk, 9),
        "totalHour": total,
        "discountTotalHour": 0,
        "discountedTotalPerHour": total,
    }


def _life(instance: Instance, now_s: float) -> dict[str, Any]:
    loaded = instance.status not in _UNLOADED
    state = "running" if loaded and instance.wanted == "running" else "unloaded"
    return {
        "id": instance.id,
        "label": instance.label,
        "actual_status": instance.status,
        "intended_status": instance.wanted,
        "cur_state": state if instance.wanted == "running" else "stopped",
        "next_state": instance.wanted,
        "status_msg": instance.status_msg or _message(instance),
        "start_date": instance.created_s,
        "duration": now_s - instance.created_s,
        "uptime_mins": _minutes(instance, now_s),
        "client_run_time": 1.1,
        "host_run_time": 2592000.0,
        "country_code": None,
        "volume_info": [],
    }


def _message(instance: Instance) -> str | None:
    if instance.status == "running":
        return f"success, running {instance.image.replace(':', '_')}/ssh\n"
    return f"Pulling from {instance.image}" if instance.status == "loading" else None


def _minutes(instance: Instance, now_s: float) -> float | None:
    return None if instance.started_s is None else round((now_s - instance.started_s) / 60, 2)


def _software(instance: Instance) -> dict[str, Any]:
    request = instance.request
    template = templates.known(request.get("template_hash_id")) or {}
    return {
        "image_uuid": instance.image,
        "image_args": request.get("args") or [],
        "image_runtype": request.get("runtype") or "ssh",
        "extra_env": [[name, value] for name, value in (request.get("env") or {}).items()],
        "onstart": request.get("onstart"),
        "template_id": template.get("id"),
        "template_hash_id": template.get("hash_id"),
        "template_name": template.get("name"),
        "jupyter_token": f"{instance.id:064x}",
    }


def _address(instance: Instance) -> dict[str, Any]:
    port = instance.ssh.port if instance.ssh else None
    running = instance.status == "running"
    mapped = {end.inside_port: end.port for end in instance.ports}
    mapped |= {} if port is None else {22: port}
    first = port if port is not None else min(mapped.values(), default=_CLOSED_PORTS)
    return {
        "ssh_host": ADDRESS,
        "ssh_idx": "7",
        "ssh_port": port,
        "machine_dir_ssh_port": 22,
        "public_ipaddr": f"{ADDRESS}\n" if instance.id % _UNTIDY == 1 else ADDRESS,
        "local_ipaddrs": "10.2.0.5 172.17.0.1\n",
        "direct_port_start": first if running else _CLOSED_PORTS,
        "direct_port_end": first if running else _CLOSED_PORTS,
        "ports": docker_map(mapped) if running else {},
    }


def docker_map(mapped: dict[int, int]) -> dict[str, Any]:
    """Docker's map from container port to host port, whose numbers are texts."""
    return {
        f"{inside}/tcp": [{"HostIp": ip, "HostPort": str(outside)} for ip in ("0.0.0.0", "::")]  # noqa: S104 - Docker's words
        for inside, outside in sorted(mapped.items())
    }


def _usage(instance: Instance) -> dict[str, Any]:
    running = instance.status == "running"
    return {
        "disk_space": instance.disk_gb,
        "disk_usage": instance.disk_gb * instance.inside.disk_used_pct / 100 if running else -1,
        "disk_util": instance.inside.disk_used_pct if running else -1,
        "mem_limit": instance.hardware.ram_mb / 1000,
        "mem_usage": 1.2 if running else None,
        "vmem_usage": 0.0 if running else None,
        "cpu_util": 0.0 if running else None,
        "gpu_util": instance.inside.util_pct if running else None,
        "gpu_temp": 34.0 + instance.inside.util_pct * 0.4 if running else None,
        "inet_up_billed": None,
        "inet_down_billed": None,
        "credit_balance": None,
        "credit_discount": None,
    }
