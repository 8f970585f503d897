"""One row of Vast.ai's search, in our units. Thousands are read a minute: no models, no copies."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

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
_IDS_END = 10**18


class Unreadable(ValueError):
    """A row without a usable id, GPU or price, or that does not say whether it is for rent."""


def offer_of(row: Row) -> Offer | None:
    """The offer in `row`; None when it is not for rent now and on demand. Raises Unreadable."""
    rentable = row.rentable
    if rentable is not True and rentable is not False:
        raise Unreadable("rentable")
    if not rentable or row.rented or row.is_bid:
        return None
    try:
        return _offer(row)
    except TypeError:
        return _offer(_without_lists(row))


def _without_lists(row: Row) -> Row:
    """Lists and objects are in no column that is read, and cannot be looked up in a cache."""
    plain = Row()
    for name in Row.__struct_fields__:
        value = getattr(row, name)
        setattr(plain, name, None if isinstance(value, list | dict) else value)
    return plain


def _offer(row: Row) -> Offer:
    """The fields by place, in the order of `Offer`: naming them would take a quarter of the time.

    What many rows have in common is looked up as a whole: a model, a machine, a price list.
    """
    number, gpu_count = row.id, row.num_gpus
    if type(number) is not int or not 0 < number < _IDS_END:
        raise Unreadable("id")
    if type(gpu_count) is not int or not 0 < gpu_count <= MAX_GPUS:
        raise Unreadable("num_gpus")
    own_id = str(number)
    gpu_type, name, vram_gb, gpu_ram_mb, compute_cap, cuda = _card(
        row.gpu_name, row.gpu_ram, row.compute_cap, row.cuda_max_good
    )
    location, country, driver, arch, static_ip, verified, machine, host, cores = _machine(
        row.geolocation,
        row.driver_version,
        row.cpu_arch,
        row.static_ip,
        row.verification,
        row.machine_id,
        row.host_id,
        row.cpu_cores_effective,
    )
    storage, upload, download = _rates(row.storage_cost, row.inet_up_cost, row.inet_down_cost)
    share = row.reliability if row.reliability2 is UNSET else row.reliability2
    fields = (
        "vastai-" + own_id,
        "vastai",
        own_id,
        gpu_type,
        name,
        gpu_count,
        vram_gb,
        _price(row.dph_base, row.storage_cost),
        DEFAULT_DISK_GB,
        storage or 0,
        location,
        country,
        _share(share),
        _hours(row.duration),
        BASE_CONFIDENCE,
        cuda,
        driver,
        machine,
        host,
        verified,
        count(row.disk_space),
        count(row.inet_up),
        count(row.inet_down),
        upload,
        download,
        None,  # vCPUs and RAM: chosen elsewhere, part of the machine here
        None,
        gpu_ram_mb,
        compute_cap,
        arch,
        cores,
        static_ip,
    )
    return _tuple(Offer, fields)


_tuple = tuple.__new__
_share = lru_cache(maxsize=32_768, typed=True)(reliability)


@lru_cache(maxsize=4_096, typed=True)
def _card(
    name: object, megabytes: object, compute_cap: object, cuda: object
) -> tuple[str, str, int | None, int | None, int | None, float | None]:
    """The canonical name and the raw one, cleaned; memory; what it can do."""
    raw = gpu_name_raw(_text(name) or "")
    if not raw:
        raise Unreadable("gpu_name")
    return (
        canonical(raw),
        raw,
        vram_gb_from_mb(megabytes),
        count(megabytes) or None,
        count(compute_cap),
        cuda_version(cuda),
    )


@lru_cache(maxsize=32_768, typed=True)
def _machine(
    place: object,
    driver: object,
    arch: object,
    static_ip: object,
    verification: object,
    machine: object,
    host: object,
    cores: object,
) -> tuple[Any, ...]:
    location = locations.cleaned(_text(place))
    return (
        location,
        locations.country(location),
        _short(driver),
        _short(arch),
        static_ip if isinstance(static_ip, bool) else None,
        verification == "verified" if isinstance(verification, str) else None,
        machine_id(machine),
        machine_id(host),
        _cores(cores),
    )


@lru_cache(maxsize=4_096, typed=True)
def _rates(storage: object, upload: object, download: object) -> tuple[int | None, ...]:
    """Micro-dollars per GB: of disk and month, of traffic in both directions."""
    return microusd(storage), microusd(upload), microusd(download)


def _short(text: object) -> str | None:
    return provider_text(text, 64) or None if isinstance(text, str) else None


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


def _cores(value: object) -> float | None:
    found = number(value)
    return None if found is None else round(found, 2)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
