"""The columns of an offer row: one function each, used for rows, filters and sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.vastai.machines import Ask, Machine

HOURS_PER_MONTH = 720.0
DEFAULT_STORAGE_GB = 8.0  # allocated_storage when a search names none
_VERICODES = {"verified": 1, "unverified": 0, "deverified": 2}

Getter = Callable[[Ask], Any]


def _of_machine(name: str) -> Getter:
    return lambda ask: getattr(ask.machine, name)


def driver_number(version: str) -> int:
    """535.86.05 → 535086005, the form in which versions are compared."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major * 1_000_000 + minor * 1_000 + patch


def _cores_effective(ask: Ask) -> float:
    return round(ask.machine.cpu[2] * ask.share, 2)


def _dlperf(ask: Ask) -> float:
    machine = ask.machine
    if machine.model.arch == "amd":
        return 0.0
    return round(machine.model.tflops * 1.25 * ask.size * machine.speed, 4)


def _flops(ask: Ask) -> float:
    return round(ask.machine.model.tflops * ask.size * ask.machine.speed, 4)


def _score(ask: Ask) -> float:
    machine = ask.machine
    value = (_dlperf(ask) + _flops(ask) * 0.2) / ask.dph_base
    return round(value * machine.reliability**4 * (1 + 0.2 * machine.hosting_type), 4)


def _cuda(ask: Ask) -> float | None:
    return ask.machine.cuda if ask.machine.model.arch == "nvidia" else None


def _default_total(ask: Ask) -> float:
    return total_price(ask, DEFAULT_STORAGE_GB)


def total_price(ask: Ask, storage_gb: float) -> float:
    """dph_total: $/h with the disk asked for; traffic is never part of it."""
    return round(ask.dph_base + ask.machine.storage_cost * storage_gb / HOURS_PER_MONTH, 7)


def _geolocode(machine: Machine) -> int | None:
    if machine.country is None:
        return None
    return sum(ord(letter) << (8 * place) for place, letter in enumerate(machine.country))


IDENTITY: dict[str, Getter] = {
    "id": lambda ask: ask.id,
    "ask_contract_id": lambda ask: ask.id,
    "bundle_id": lambda ask: 700_000_000 + ask.position,
    "bundled_results": lambda _ask: 1,
    "machine_id": _of_machine("id"),
    "host_id": _of_machine("host_id"),
    "hosting_type": _of_machine("hosting_type"),
    "hostname": lambda _ask: None,
    "cluster_id": lambda _ask: None,
    "resource_type": lambda _ask: "gpu",
    "logo": lambda _ask: "/static/logos/vastai_small2.png",
    "webpage": lambda _ask: None,
    "rn": lambda _ask: 1,
    "verification": _of_machine("verification"),
    "vericode": lambda ask: _VERICODES[ask.machine.verification],
    "external": _of_machine("external"),
    "rentable": lambda ask: ask.rentable,
    "rented": lambda ask: ask.rented,
    "is_bid": lambda _ask: False,
    "geolocation": _of_machine("location"),
    "geolocode": lambda ask: _geolocode(ask.machine),
    "public_ipaddr": _of_machine("ip"),
    "static_ip": _of_machine("static_ip"),
    "direct_port_count": lambda ask: int(ask.machine.ports * ask.share),
    "reliability": _of_machine("reliability"),
    "reliability2": _of_machine("reliability"),
    "expected_reliability": _of_machine("reliability"),
    "reliability_mult": _of_machine("reliability"),
    "vms_enabled": lambda ask: ask.machine.hosting_type == 1 and ask.machine.gpus == ask.size,
    "is_vm_deverified": lambda _ask: False,
    "time_remaining": lambda _ask: "",
    "time_remaining_isbid": lambda _ask: "",
    "avail_vol_ask_id": lambda _ask: None,
    "avail_vol_dph": lambda _ask: None,
    "avail_vol_size": lambda _ask: None,
    "nw_disk_min_bw": lambda _ask: None,
    "nw_disk_max_bw": lambda _ask: None,
    "nw_disk_avg_bw": lambda _ask: None,
}

HARDWARE: dict[str, Getter] = {
    "gpu_name": lambda ask: ask.machine.model.name,
    "gpu_arch": lambda ask: ask.machine.model.arch,
    "num_gpus": lambda ask: ask.size,
    "gpu_frac": lambda ask: ask.share,
    "gpu_ids": lambda ask: [ask.machine.id * 16 + index for index in ask.gpu_ids],
    "gpu_ram": _of_machine("gpu_ram_mb"),
    "gpu_total_ram": lambda ask: ask.machine.gpu_ram_mb * ask.size,
    "gpu_mem_bw": lambda ask: round(ask.machine.model.bandwidth_gbs * 0.9, 1),
    "gpu_lanes": _of_machine("lanes"),
    "gpu_max_power": lambda ask: float(ask.machine.model.power_w),
    "gpu_max_temp": lambda _ask: 90.0,
    "gpu_display_active": lambda _ask: False,
    "bw_nvlink": lambda ask: 300.0 if ask.machine.model.forced_to_eight else 0.0,
    "compute_cap": lambda ask: ask.machine.model.compute_cap,
    "cuda_max_good": _cuda,
    "driver_version": _of_machine("driver"),
    "driver_vers": lambda ask: driver_number(ask.machine.driver),
    "cpu_name": lambda ask: ask.machine.cpu[0],
    "cpu_ghz": lambda ask: ask.machine.cpu[1],
    "cpu_cores": lambda ask: ask.machine.cpu[2] if ask.machine.cpu_cores_known else None,
    "cpu_cores_effective": _cores_effective,
    "cpu_ram": _of_machine("cpu_ram_mb"),
    "cpu_arch": lambda _ask: "amd64",
    "has_avx": lambda ask: ask.machine.cpu[3],
    "mobo_name": _of_machine("board"),
    "os_version": _of_machine("os_version"),
    "ubuntu_version": _of_machine("os_version"),
    "disk_name": _of_machine("disk_name"),
    "disk_space": lambda ask: round(ask.machine.disk_gb * ask.share, 2),
    "disk_bw": _of_machine("disk_bw"),
    "inet_up": _of_machine("inet_up"),
    "inet_down": _of_machine("inet_down"),
    "pci_gen": _of_machine("pci_gen"),
    "pcie_bw": lambda ask: round(ask.machine.pci_gen * ask.machine.lanes * 0.35, 1),
    "dlperf": _dlperf,
    "total_flops": _flops,
    "score": _score,
}

MONEY: dict[str, Getter] = {
    "dph_base": lambda ask: ask.dph_base,
    "min_bid": lambda ask: ask.min_bid,
    "storage_cost": _of_machine("storage_cost"),
    "inet_up_cost": _of_machine("inet_up_cost"),
    "inet_down_cost": _of_machine("inet_down_cost"),
    "internet_up_cost_per_tb": lambda ask: round(ask.machine.inet_up_cost * 1024, 4),
    "internet_down_cost_per_tb": lambda ask: round(ask.machine.inet_down_cost * 1024, 4),
    "vram_costperhour": lambda ask: ask.dph_base / (ask.machine.gpu_ram_mb * ask.size),
    "credit_discount_max": lambda _ask: 0.4,
    "discount_rate": lambda _ask: None,
    "discounted_hourly": lambda _ask: 0.0,
    "platform_fee": lambda _ask: 0.25,
}

# Sorted or filtered by, but with the storage of the query in them, or relative to the present.
PER_QUERY: dict[str, Getter] = {
    "dph_total": _default_total,
    "dph_total_adj": _default_total,
    "discounted_dph_total": _default_total,
    "storage_total_cost": lambda ask: ask.machine.storage_cost,
    "dlperf_per_dphtotal": lambda ask: _dlperf(ask) / _default_total(ask),
    "flops_per_dphtotal": lambda ask: _flops(ask) / _default_total(ask),
    "duration": lambda ask: ask.machine.end_s,
    "end_date": lambda ask: ask.machine.end_s,
    "start_date": lambda ask: ask.machine.start_s,
}

STATIC: dict[str, Getter] = {**IDENTITY, **HARDWARE, **MONEY}


def render(ask: Ask, storage_gb: float, market_s: float, now_s: float) -> dict[str, Any]:
    """The row of one ask, priced with `storage_gb` of disk.

    `market_s` is when the market was made (epoch seconds): contract periods count from there.
    """
    row = {name: value(ask) for name, value in STATIC.items()}
    total = total_price(ask, storage_gb)
    disk_hour = round(total - ask.dph_base, 9)
    end_s = market_s + ask.machine.end_s
    prices = {
        "gpuCostPerHour": ask.dph_base,
        "diskHour": disk_hour,
        "totalHour": total,
        "discountTotalHour": 0,
        "discountedTotalPerHour": total,
    }
    return row | {
        "dph_total": total,
        "dph_total_adj": total,
        "discounted_dph_total": total,
        "storage_total_cost": disk_hour,
        "dlperf_per_dphtotal": round(row["dlperf"] / total, 6),
        "flops_per_dphtotal": round(row["total_flops"] / total, 6),
        "search": prices,
        "instance": dict(prices),
        "start_date": market_s + ask.machine.start_s,
        "end_date": end_s,
        "duration": end_s - now_s,
    }
