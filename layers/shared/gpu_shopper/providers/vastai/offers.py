"""One row of Vast.ai's search, in our units. Thousands are read a minute: no models, no copies."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from msgspec import UNSET

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
from gpu_shopper.providers.vastai.search import Row

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
_share = lru_cache(maxsize=32_768, typed=True)(reliability)


class Unreadable(ValueError):
    """A row without a usable id, GPU or price, or that does not say whether it is for rent."""


def offer_of(row: Row) -> Offer | None:
    """The offer in `row`; None when it is not for rent now and on demand. Raises Unreadable."""
    if type(row.rentable) is not bool:
        raise Unreadable("rentable")
    if not row.rentable or row.rented or row.is_bid:
        return None
    try:
        return _offer(row)
    except (AttributeError, TypeError) as exc:
        raise Unreadable(str(exc)) from exc


def _offer(row: Row) -> Offer:
    """The fields by place, in the order of `Offer`: naming them would take a fifth of the time."""
    own_id = _own_id(row.id)
    name, gpu_type = _gpu(row.gpu_name)
    location, country = _place(_text(row.geolocation))
    storage = row.storage_cost
    return Offer(
        f"{PROVIDER}-{own_id}",
        PROVIDER,
        own_id,
        gpu_type,
        name,
        _gpu_count(row.num_gpus),
        _vram_gb(row.gpu_ram),
        _price(row.dph_base, storage),
        DEFAULT_DISK_GB,
        _rate(storage) or 0,
        location,
        country,
        _share(row.reliability if row.reliability2 is UNSET else row.reliability2),
        _hours(row.duration),
        BASE_CONFIDENCE,
        _cuda(row.cuda_max_good),
        _short(_text(row.driver_version)),
        machine_id(row.machine_id),
        machine_id(row.host_id),
        _verified(row.verification),
        count(row.disk_space),
        count(row.inet_up),
        count(row.inet_down),
        _rate(row.inet_up_cost),
        _rate(row.inet_down_cost),
        None,  # vCPUs and RAM: chosen elsewhere, part of the machine here
        None,
        count(row.gpu_ram) or None,
        count(row.compute_cap),
        _short(_text(row.cpu_arch)),
        _cores(row.cpu_cores_effective),
        _bool(row.static_ip),
    )


@lru_cache(maxsize=4_096)
def _gpu(text: object) -> tuple[str, str]:
    """The raw name, cleaned, and the canonical one."""
    name = gpu_name_raw(_text(text) or "")
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


@lru_cache(maxsize=4_096, typed=True)
def _cores(value: object) -> float | None:
    found = number(value)
    return None if found is None else round(found, 2)


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
