"""Conditions on machines, and whether an offer meets them.

They are written as in Vast.ai's own search: `{"gpu_ram": {"gte": 8000}}`. Every operator of every
property must hold; properties that are not known here are ignored.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gpu_shopper.core.money import to_usd
from gpu_shopper.core.offers import Offer


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator of one property; `wanted` is a list for `in` and `notin`."""

    name: str
    operator: str
    wanted: Any


@dataclass(frozen=True, slots=True)
class Conditions:
    """What could be read, and the names of what could not: that is left out."""

    readable: tuple[Condition, ...] = ()
    unreadable: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def conditions_of(text: str | None) -> Conditions:
    """The conditions in a JSON object; None and an empty text set none."""
    try:
        parsed = json.loads(text or "{}")
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        return Conditions(unreadable=("the whole",))
    parts = [part for name, tests in parsed.items() for part in _parts(name, tests)]
    return Conditions(
        tuple(part for part in parts if isinstance(part, Condition)),
        tuple(part for part in parts if isinstance(part, str)),
    )


def fits(offer: Offer, conditions: Iterable[Condition]) -> bool:
    """True when `offer` meets every condition; what is not known of an offer meets none."""
    return all(_holds(offer, one) for one in conditions)


def unmet(offer: Offer, conditions: Iterable[Condition]) -> list[str]:
    """The conditions that `offer` does not meet, as `gpu_ram.gte`."""
    return [f"{one.name}.{one.operator}" for one in conditions if not _holds(offer, one)]


def _parts(name: str, tests: Any) -> Iterator[Condition | str]:
    """The conditions on one property; a text names one that cannot be read."""
    if not isinstance(tests, dict):
        yield name
        return
    for word, wanted in tests.items():
        listed = word in ("in", "notin")
        readable = word in _OPERATORS and isinstance(wanted, list) is listed
        yield Condition(name, word, wanted) if readable else f"{name}.{word}"


def _holds(offer: Offer, one: Condition) -> bool:
    if one.name not in PROPERTIES:
        return True
    actual = PROPERTIES[one.name](offer)
    return actual is not None and _OPERATORS[one.operator](actual, one.wanted)


def _equal(actual: Any, wanted: Any) -> bool:
    """Texts equal texts, numbers numbers, booleans booleans: `"1"`, 1 and true are three things."""
    return _kind(actual) is _kind(wanted) and bool(actual == wanted)


def _listed(actual: Any, wanted: list[Any]) -> bool:
    return any(_equal(actual, one) for one in wanted)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers have an order, and so have versions; other texts and booleans have none."""

    def holds(actual: Any, wanted: Any) -> bool:
        if _kind(actual) is _kind(wanted) is float:
            return compare(actual, wanted)
        versions = _version(actual), _version(wanted)
        return None not in versions and compare(*versions)

    return holds


def _kind(value: Any) -> type:
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)


def _version(value: Any) -> list[int] | None:
    """The parts of a dotted version such as `570.153.02`."""
    if not isinstance(value, str) or _VERSION.fullmatch(value) is None:
        return None
    return [int(part) for part in value.split(".")]


_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}", re.ASCII)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": _equal,
    "neq": lambda actual, wanted: not _equal(actual, wanted),
    "in": _listed,
    "notin": lambda actual, wanted: not _listed(actual, wanted),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
}


def _total_ram_mb(offer: Offer) -> int | None:
    return None if offer.gpu_ram_mb is None else offer.gpu_ram_mb * offer.gpu_count


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else to_usd(microusd)


PROPERTIES: Mapping[str, Callable[[Offer], str | float | bool | None]] = {
    "compute_cap": lambda offer: offer.compute_cap,
    "cpu_arch": lambda offer: offer.cpu_arch,
    "cpu_cores_effective": lambda offer: offer.cpu_cores,
    "cuda_max_good": lambda offer: offer.cuda_version,
    "disk_space": lambda offer: offer.disk_gb_available,
    "dph_total": lambda offer: to_usd(offer.price_microusd_per_hour),
    "driver_version": lambda offer: offer.driver_version,
    # Searched by country code only, although rows show a whole place.
    "geolocation": lambda offer: offer.country,
    "gpu_name": lambda offer: offer.gpu_name_raw,
    "gpu_ram": lambda offer: offer.gpu_ram_mb,
    "gpu_total_ram": _total_ram_mb,
    "inet_down": lambda offer: offer.inet_down_mbps,
    "inet_down_cost": lambda offer: _usd(offer.inet_down_microusd_per_gb),
    "inet_up": lambda offer: offer.inet_up_mbps,
    "inet_up_cost": lambda offer: _usd(offer.inet_up_microusd_per_gb),
    "num_gpus": lambda offer: offer.gpu_count,
    "reliability2": lambda offer: offer.reliability,
    # Only what can be rented is offered.
    "rentable": lambda _offer: True,
    "static_ip": lambda offer: offer.static_ip,
    "verified": lambda offer: offer.verified,
}
"""Property → its value in an offer, in Vast.ai's units (MB, Mbit/s, USD)."""
