"""Values of the market by column, and the asks in order of a column, kept while both change.

A column is made when it is first asked for; those that most searches use are made at the start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from simulator.vastai import fields
from simulator.vastai.machines import Ask

LIVE = frozenset({"rentable", "rented"})
"""Columns that are read at the moment of a search."""
USUAL_ORDERS = (
    "score",
    "dph_base",
    "dph_total",
    "num_gpus",
    "gpu_ram",
    "reliability2",
    "inet_down",
    "dlperf_per_dphtotal",
    "flops_per_dphtotal",
    "duration",
)
USUAL_FILTERS = (
    "verification",
    "external",
    "hosting_type",
    "country",
    "gpu_total_ram",
    "reliability",
    "disk_space",
    "cuda_max_good",
    "compute_cap",
    "driver_vers",
    "direct_port_count",
    "inet_up",
    "cpu_ram",
    "cpu_cores_effective",
    "end_date",
    "machine_id",
)
_PRICED = frozenset(
    {
        "dph_base",
        "min_bid",
        "score",
        "dph_total",
        "dph_total_adj",
        "discounted_dph_total",
        "vram_costperhour",
        "dlperf_per_dphtotal",
        "flops_per_dphtotal",
    }
)
_TOTALS_KEPT = 8


class Column:
    """The values of one column by position; `holes` says that some may be None."""

    def __init__(self, values: list[Any], order: list[int] | None = None) -> None:
        self.values = values
        self.holes = None in values
        self._order = order

    def key(self) -> Callable[[int], Any]:
        """What to sort positions by; None sorts lowest."""
        values = self.values
        if self.holes:
            return lambda position: (values[position] is not None, values[position])
        return values.__getitem__

    def ascending(self) -> list[int]:
        """All positions, the lowest value first."""
        if self._order is None:
            self._order = sorted(range(len(self.values)), key=self.key())
        return self._order

    def append(self, value: Any) -> None:
        """The value of a new ask, at the last position."""
        self.holes = self.holes or value is None
        self.values.append(value)
        self._insert(len(self.values) - 1)

    def change(self, position: int, value: Any) -> None:
        """Another value for an ask."""
        if self._order is not None:
            key = self.key()
            place = bisect_left(self._order, key(position), key=key)
            del self._order[self._order.index(position, place)]
        self.values[position] = value
        self._insert(position)

    def _insert(self, position: int) -> None:
        if self._order is not None:
            key = self.key()
            self._order.insert(bisect_left(self._order, key(position), key=key), position)


class Columns:
    """The columns of one market's asks."""

    def __init__(self, asks: list[Ask]) -> None:
        self._asks = asks
        self._known: dict[str, Column] = {}
        self._total = lru_cache(_TOTALS_KEPT)(self._new_total)
        self._runs = lru_cache(1)(self._new_runs)
        for name in USUAL_ORDERS:
            self.get(name).ascending()
        for name in USUAL_FILTERS:
            self.get(name)

    def get(self, name: str, storage_gb: float = fields.DEFAULT_STORAGE_GB) -> Column:
        """One column; of all of them only `dph_total` depends on the disk asked for."""
        if name == "dph_total" and storage_gb != fields.DEFAULT_STORAGE_GB:
            return self._total(storage_gb)
        if name in LIVE:
            return self._new(name)
        if name not in self._known:
            self._known[name] = self._new(name)
        return self._known[name]

    def append(self, ask: Ask) -> None:
        """Take in an ask that was put at the end of the market."""
        self._forget_totals()
        for name, column in self._known.items():
            column.append(_getter(name)(ask))

    def reprice(self, ask: Ask) -> None:
        """Take in the new price of an ask."""
        self._forget_totals()
        for name in _PRICED & self._known.keys():
            self._known[name].change(ask.position, _getter(name)(ask))

    def _new(self, name: str) -> Column:
        return Column(list(map(_getter(name), self._asks)))

    def _new_total(self, storage_gb: float) -> Column:
        """The totals as they are sorted by, not rounded. Eight sorted runs are sorted quickly."""
        hours = storage_gb / fields.HOURS_PER_MONTH
        prices, costs = self.get("dph_base").values, self.get("storage_cost").values
        values = [price + cost * hours for price, cost in zip(prices, costs, strict=True)]
        return Column(values, sorted(self._runs(), key=values.__getitem__))

    def _new_runs(self) -> list[int]:
        """Positions by the price of storage and then of GPUs: within one, every total rises."""
        costs = self.get("storage_cost").values
        return sorted(self.get("dph_base").ascending(), key=costs.__getitem__)

    def _forget_totals(self) -> None:
        self._total.cache_clear()
        self._runs.cache_clear()


def _getter(name: str) -> fields.Getter:
    if name == "country":
        return lambda ask: ask.machine.country
    return fields.STATIC.get(name) or fields.PER_QUERY[name]
