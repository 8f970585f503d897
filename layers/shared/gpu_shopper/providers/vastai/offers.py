"""One row of Vast.ai's search, in our units. Thousands are read a minute: no models, no copies."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core import locations
from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.money import from_usd
from gpu_shopper.core.normalise import (
    count,
    cuda_version,
    gpu_name_raw,
    machine_id,
    microusd,
    provider_text,
    reliability,
    usd,
    vram_gb_from_mb,
)
from gpu_shopper.core.offers import HOURS_PER_MONTH, Offer

PROVIDER = "vastai"
DEFAULT_DISK_GB = 50
BASE_CONFIDENCE = 0.9
MAX_GPUS = 1_024
_SECONDS_PER_HOUR = 3_600


class Unreadable(ValueError):
    """A row without a usable id, GPU or price."""


def is_offered(row: dict[str, Any]) -> bool:
    """For rent now and on demand; rows of other kinds are read over, not counted as broken."""
    return row["rentable"] is True and not row.get("rented") and not row.get("is_bid")


def offer_of(row: Any) -> Offer | None:
    """The offer in `row`; None when it is not for rent. Raises Unreadable."""
    try:
        return _offer(row) if is_offered(row) else None
    except (AttributeError, KeyError, TypeError) as exc:
        raise Unreadable(str(exc)) from exc


def _offer(row: dict[str, Any]) -> Offer:
    raw_name = gpu_name_raw(row["gpu_name"])
    location = locations.cleaned(_text(row.get("geolocation")))
    own_id = _own_id(row["id"])
    return Offer(
        id=f"{PROVIDER}-{own_id}",
        provider=PROVIDER,
        provider_id=own_id,
        gpu_type=_known(canonical(raw_name)),
        gpu_name_raw=raw_name,
        gpu_count=_gpu_count(row["num_gpus"]),
        vram_gb=vram_gb_from_mb(row.get("gpu_ram")),
        price_microusd_per_hour=_price(row["dph_base"], row["storage_cost"]),
        default_disk_gb=DEFAULT_DISK_GB,
        storage_microusd_per_gb_month=microusd(row["storage_cost"]) or 0,
        location=location,
        country=locations.country(location),
        reliability=reliability(row.get("reliability2", row.get("reliability"))),
        max_duration_hours=_hours(row.get("duration")),
        base_confidence=BASE_CONFIDENCE,
        cuda_version=cuda_version(row.get("cuda_max_good")),
        driver_version=_short(row.get("driver_version")),
        machine_id=machine_id(row.get("machine_id")),
        host_id=machine_id(row.get("host_id")),
        verified=_verified(row.get("verification")),
        disk_gb_available=count(row.get("disk_space")),
        inet_up_mbps=count(row.get("inet_up")),
        inet_down_mbps=count(row.get("inet_down")),
        inet_up_microusd_per_gb=microusd(row.get("inet_up_cost")),
        inet_down_microusd_per_gb=microusd(row.get("inet_down_cost")),
    )


def _own_id(value: object) -> str:
    if type(value) is not int or not 0 < value < 10**18:
        raise Unreadable("id")
    return str(value)


def _known(gpu_type: str) -> str:
    if not gpu_type:
        raise Unreadable("gpu_name")
    return gpu_type


def _gpu_count(value: object) -> int:
    if type(value) is not int or not 0 < value <= MAX_GPUS:
        raise Unreadable("num_gpus")
    return value


def _price(base: object, storage: object) -> int:
    """$/h of all GPUs plus the default disk, which is priced per GB and month of 720 hours."""
    gpus, disk = usd(base), usd(storage)
    if not gpus or disk is None:
        raise Unreadable("price")
    price = from_usd(gpus + disk * DEFAULT_DISK_GB / HOURS_PER_MONTH)
    if price <= 0:
        raise Unreadable("price")
    return price


def _hours(duration_s: object) -> int:
    """How long the host will rent it out, in whole hours and at least one; 0 means unlimited."""
    seconds = count(duration_s)
    return max(1, seconds // _SECONDS_PER_HOUR) if seconds else 0


def _verified(value: object) -> bool | None:
    return value == "verified" if isinstance(value, str) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _short(value: object) -> str | None:
    return provider_text(value, 64) or None if isinstance(value, str) else None
