"""From what was used to what it costs, by the price table beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

PRICES = Path(__file__).with_name("prices_aws.toml")

type Used = Mapping[tuple[str, str], float]
"""How much of what: (name in the price table, what for) → quantity."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The table; dollars for one."""

    read_on: date
    region: str
    used: Mapping[str, Decimal]
    kept: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill."""

    name: str
    what_for: str
    quantity: float
    usd: float


@cache
def prices() -> Prices:
    """The price table. Raises ValueError when a price is not above 0."""
    table = tomllib.loads(PRICES.read_text("utf-8"), parse_float=Decimal)
    each = {part: _each(table[part]) for part in ("used", "kept")}
    return Prices(table["read_on"], table["region"], each["used"], each["kept"])


def _each(part: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Decimal]:
    found = {name: Decimal(price["usd"]) / price["for"] for name, price in part.items()}
    if any(price <= 0 for price in found.values()):
        raise ValueError("a price is not above 0")
    return found


def bill(used: Used, each: Mapping[str, Decimal]) -> list[Line]:
    """What `used` costs, the dearest line first. Raises KeyError for what has no price."""
    lines = [
        Line(name, what_for, quantity, float(each[name]) * quantity)
        for (name, what_for), quantity in used.items()
    ]
    return sorted(lines, key=lambda line: -line.usd)


def total(lines: Iterable[Line]) -> float:
    """Dollars."""
    return sum(line.usd for line in lines)


def by_name(lines: Iterable[Line]) -> dict[str, float]:
    """Dollars of each name in the price table, the dearest first."""
    found: dict[str, float] = {}
    for line in lines:
        found[line.name] = found.get(line.name, 0) + line.usd
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def beyond(used: Used, rested: Used, share: float) -> dict[tuple[str, str], float]:
    """What is left of `used` when `share` of `rested`, as much as at rest, is taken away."""
    names = [*used, *(name for name in rested if name not in used)]
    return {name: used.get(name, 0) - share * rested.get(name, 0) for name in names}
