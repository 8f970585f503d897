"""TensorDock's locations as offers: one per location, GPU type and number of GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gpu_shopper.core import locations
from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.location_stats import UNTRIED
from gpu_shopper.core.money import from_usd
from gpu_shopper.core.normalise import (
    count,
    gpu_name_raw,
    number,
    reliability,
    usd,
    vram_gb_from_name,
)
from gpu_shopper.core.offer_ids import tensordock_id
from gpu_shopper.core.offers import HOURS_PER_MONTH, Offer

PROVIDER = "tensordock"
DEFAULT_DISK_GB = 100
VCPUS = 8
RAM_GB = 32
EVEN = 2
"""vCPUs come in pairs, and RAM, whose steps nobody documents, surely does."""
TOP_TIER = 3
MAX_GPUS = 64


class Unreadable(ValueError):
    """A GPU row without a usable location, name, number or price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What is asked for beside the GPUs, within the location's limits."""

    vcpus: int
    ram_gb: int
    most_storage_gb: int | None


def offers_of(location: Any, row: Any) -> list[Offer]:
    """The offers of one GPU type at one location; [] when it cannot be rented our way.

    Raises: Unreadable.
    """
    try:
        resources = _resources(row.get("resources") or {})
        if resources is None or not _has_address(row.get("network_features") or {}):
            return []
        return [_offer(location, row, resources, gpus) for gpus in _counts(row["max_count"])]
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise Unreadable(str(exc)) from exc


def _offer(
    location: Mapping[str, Any], row: Mapping[str, Any], resources: Resources, gpus: int
) -> Offer:
    name = row["v0Name"]
    if not name or gpu_name_raw(name) != name:
        raise Unreadable("v0Name")
    own_id = tensordock_id(location["id"], name, gpus)
    place = locations.cleaned(_place(location))
    storage = _usd(row["pricing"]["per_gb_storage_hr"])
    return Offer(
        id=f"{PROVIDER}-{own_id}",
        provider=PROVIDER,
        provider_id=own_id,
        gpu_type=canonical(name),
        gpu_name_raw=name,
        gpu_count=gpus,
        vram_gb=vram_gb_from_name(name),
        price_microusd_per_hour=_price(row, resources, gpus),
        default_disk_gb=DEFAULT_DISK_GB,
        storage_microusd_per_gb_month=from_usd(storage * HOURS_PER_MONTH),
        location=place,
        country=locations.country(place),
        reliability=_reliability(location.get("tier")),
        max_duration_hours=0,
        base_confidence=UNTRIED,
        disk_gb_available=resources.most_storage_gb,
        vcpus=resources.vcpus,
        ram_gb=resources.ram_gb,
    )


def _counts(most: object) -> Iterator[int]:
    """1, 2, 4, 8 … up to `most`."""
    if type(most) is not int:
        raise Unreadable("max_count")
    gpus = 1
    while gpus <= min(most, MAX_GPUS):
        yield gpus
        gpus *= 2


def _resources(limits: Mapping[str, Any]) -> Resources | None:
    """Our usual wish, cut to the limits; None when less than a usable machine is left."""
    vcpus = _within(VCPUS, limits.get("max_vcpus"))
    ram_gb = _within(RAM_GB, limits.get("max_ram_gb"))
    storage_gb = count(limits.get("max_storage_gb"))
    if not vcpus or not ram_gb or (storage_gb is not None and storage_gb < DEFAULT_DISK_GB):
        return None
    return Resources(vcpus=vcpus, ram_gb=ram_gb, most_storage_gb=storage_gb)


def _within(wanted: int, limit: object) -> int:
    """`wanted` or the limit, if that is less, in whole pairs; an unknown limit is none."""
    most = count(limit)
    return wanted if most is None else min(wanted, most) // EVEN * EVEN


def _has_address(features: Mapping[str, Any]) -> bool:
    """False where no machine gets an address of its own, which every launch of ours asks for."""
    return features.get("dedicated_ip_available") is not False


def _price(row: Mapping[str, Any], resources: Resources, gpus: int) -> int:
    """Micro-$/h of the whole machine; the price per GPU alone would be some 10–40 % too low."""
    pricing = row["pricing"]
    gpu = _usd(row["price_per_hr"])
    if not gpu:
        raise Unreadable("price_per_hr")
    return from_usd(
        gpus * gpu
        + resources.vcpus * _usd(pricing["per_vcpu_hr"])
        + resources.ram_gb * _usd(pricing["per_gb_ram_hr"])
        + DEFAULT_DISK_GB * _usd(pricing["per_gb_storage_hr"])
    )


def _usd(value: object) -> Decimal:
    amount = usd(value)
    if amount is None:
        raise Unreadable("price")
    return amount


def _place(location: Mapping[str, Any]) -> str:
    parts = (location.get(key) for key in ("city", "stateprovince", "country"))
    return ", ".join(part for part in parts if isinstance(part, str))


def _reliability(tier: object) -> float | None:
    found = number(tier)
    return None if found is None else reliability(found / TOP_TIER)
