"""One row of Vast.ai's search, in our units. Thousands are read a minute: no models, no copies."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from gpu_shopper.core import locations
from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.money import MICROUSD, from_usd
from gpu_shopper.core.normalise import (
    MAX_USD,
    count,
    cuda_version,
    gpu_name_raw,
    machine_id,
    microusd,
    nearest,
    number,
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


# Whole markets share a few values in these columns. A value that cannot even be a key of a cache
# raises TypeError, and its row counts as unreadable.
_vram_gb = lru_cache(maxsize=1_024, typed=True)(vram_gb_from_mb)
_cuda = lru_cache(maxsize=256, typed=True)(cuda_version)
_rate = lru_cache(maxsize=4_096, typed=True)(microusd)


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
    get = row.get
    own_id = _own_id(row["id"])
    name, gpu_type = _gpu(_text(row["gpu_name"]))
    location, country = _place(_text(get("geolocation")))
    storage = row["storage_cost"]
    return Offer(
        id=f"{PROVIDER}-{own_id}",
        provider=PROVIDER,
        provider_id=own_id,
        gpu_type=gpu_type,
        gpu_name_raw=name,
        gpu_count=_gpu_count(row["num_gpus"]),
        vram_gb=_vram_gb(get("gpu_ram")),
        price_microusd_per_hour=_price(row["dph_base"], storage),
        default_disk_gb=DEFAULT_DISK_GB,
        storage_microusd_per_gb_month=_rate(storage) or 0,
        location=location,
        country=country,
        reliability=reliability(get("reliability2", get("reliability"))),
        max_duration_hours=_hours(get("duration")),
        base_confidence=BASE_CONFIDENCE,
        cuda_version=_cuda(get("cuda_max_good")),
        driver_version=_short(_text(get("driver_version"))),
        machine_id=machine_id(get("machine_id")),
        host_id=machine_id(get("host_id")),
        verified=_verified(get("verification")),
        disk_gb_available=count(get("disk_space")),
        inet_up_mbps=count(get("inet_up")),
        inet_down_mbps=count(get("inet_down")),
        inet_up_microusd_per_gb=_rate(get("inet_up_cost")),
        inet_down_microusd_per_gb=_rate(get("inet_down_cost")),
        gpu_ram_mb=count(get("gpu_ram")) or None,
        compute_cap=count(get("compute_cap")),
        cpu_arch=_short(_text(get("cpu_arch"))),
        cpu_cores=_cores(get("cpu_cores_effective")),
        static_ip=_bool(get("static_ip")),
    )


@lru_cache(maxsize=4_096)
def _gpu(text: str | None) -> tuple[str, str]:
    """The raw name, cleaned, and the canonical one."""
    name = gpu_name_raw(text or "")
    if not name:
        raise Unreadable("gpu_name")
    return name, canonical(name)


@lru_cache(maxsize=4_096)
def _place(text: str | None) -> tuple[str, str | None]:
    location = locations.cleaned(text)
    return location, locations.country(location)


@lru_cache(maxsize=4_096)
def _short(text: str | None) -> str | None:
    return provider_text(text, 64) or None if text else None


def _own_id(value: object) -> str:
    if type(value) is not int or not 0 < value < 10**18:
        raise Unreadable("id")
    return str(value)


def _gpu_count(value: object) -> int:
    if type(value) is not int or not 0 < value <= MAX_GPUS:
        raise Unreadable("num_gpus")
    return value


def _price(base: object, storage: object) -> int:
    """Micro-$/h of all GPUs and the default disk, which is priced per GB and 720 hours."""
    if type(base) is float and type(storage) is float and 0 < base < MAX_USD > storage >= 0:
        price = nearest((base + storage * DEFAULT_DISK_GB / HOURS_PER_MONTH) * MICROUSD)
    else:
        price = None
    if price is None:
        price = _exact_price(usd(base), usd(storage))
    if price <= 0:
        raise Unreadable("price")
    return price


def _exact_price(base: Decimal | None, storage: Decimal | None) -> int:
    if not base or storage is None:
        raise Unreadable("price")
    return from_usd(base + storage * DEFAULT_DISK_GB / HOURS_PER_MONTH)


def _hours(duration_s: object) -> int:
    """How long the host will rent it out, in whole hours and at least one; 0 means unlimited."""
    seconds = count(duration_s)
    return max(1, seconds // _SECONDS_PER_HOUR) if seconds else 0


def _verified(value: object) -> bool | None:
    return value == "verified" if isinstance(value, str) else None


def _cores(value: object) -> float | None:
    found = number(value)
    return None if found is None else round(found, 2)


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
