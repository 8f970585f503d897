"""The book of offers: answers searches over 100,000 asks without looking at every row.

Values are kept by column. A search walks the asks in the wanted order, a chunk at a time, and
stops when it has its rows; a search for named GPUs looks only at those.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from simulator.vastai import fields
from simulator.vastai.machines import Ask
from simulator.vastai.market import Market
from simulator.vastai.query import Query, Test, make_test

_CHUNK = 2048
_LIVE = frozenset({"rentable", "rented"})  # read at the moment of the search
_USUAL_ORDERS = (("score", True), ("dph_base", False), ("dph_total", False))
_USUAL_FILTERS = (
    "verification",
    "external",
    "hosting_type",
    "country",
    "num_gpus",
    "gpu_ram",
    "gpu_total_ram",
    "reliability",
    "reliability2",
    "disk_space",
    "cuda_max_good",
    "compute_cap",
    "driver_vers",
    "direct_port_count",
    "inet_down",
    "inet_up",
    "cpu_ram",
    "cpu_cores_effective",
    "end_date",
    "dph_base",
)
_BROAD = frozenset({"external", "verified"})  # true of nearly every row: tested late
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


class Book:
    """Search, lookup and change of the asks of one market."""

    def __init__(self, market: Market) -> None:
        self.asks = market.asks
        self._duplicates = market.duplicates
        self._by_id = {ask.id: ask for ask in self.asks}
        self._by_gpu: dict[str, list[int]] = defaultdict(list)
        for ask in self.asks:
            self._by_gpu[ask.machine.model.name].append(ask.position)
        self._columns: dict[tuple[str, float], list[Any]] = {}
        self._orders: dict[tuple[str, float, bool], list[int]] = {}
        for column, descending in _USUAL_ORDERS:
            self._order(column, fields.DEFAULT_STORAGE_GB, descending=descending)
        for column in _USUAL_FILTERS:
            self._column(column, 0)

    def get(self, ask_id: int) -> Ask | None:
        """The ask with that number, listed or not."""
        return self._by_id.get(ask_id)

    def add(self, asks: Iterable[Ask]) -> None:
        """Put new asks on the market; their position is set here."""
        for ask in asks:
            ask.position = len(self.asks)
            self.asks.append(ask)
            self._by_id[ask.id] = ask
            self._by_gpu[ask.machine.model.name].append(ask.position)
            for (name, storage_gb), values in self._columns.items():
                values.append(self._value(name, storage_gb, ask))
            for key in self._orders:
                self._insert(key, ask.position)

    def reprice(self, ask: Ask, dph_base: float) -> None:
        """Change the GPU price of an ask, $/h for all its GPUs."""
        ask.dph_base = dph_base
        priced = [key for key in self._orders if key[0] in _PRICED]
        for key in priced:
            self._orders[key].remove(ask.position)
        for (name, storage_gb), values in self._columns.items():
            if name in _PRICED:
                values[ask.position] = self._value(name, storage_gb, ask)
        for key in priced:
            self._insert(key, ask.position)

    def search(self, query: Query, since_market_s: float) -> list[Ask]:
        """Matching asks in order, at most `query.limit`; age of the market in seconds."""
        tests = self._tests(query, since_market_s)
        if len(query.order) == 1:
            found: Iterable[int] = self._walk(self._candidates(query), tests)
            return self._rows(found, query.limit)
        positions = list(self._walk(iter(range(len(self.asks))), tests))
        for column, descending in reversed(query.order):
            values = self._column(column, query.storage_gb)
            positions.sort(key=lambda p, v=values: _sortable(v[p]), reverse=descending)  # type: ignore[misc]  # a bound default is not part of the type
        return self._rows(positions, query.limit)

    def _rows(self, positions: Iterable[int], limit: int) -> list[Ask]:
        rows: list[Ask] = []
        for position in islice(positions, limit):
            rows.append(self.asks[position])
            if position in self._duplicates:
                rows.append(self.asks[position])
        return rows[:limit]

    def _candidates(self, query: Query) -> Iterator[int]:
        column, descending = query.order[0]
        names = _wanted_gpus(query)
        values = self._column(column, query.storage_gb)
        if names is None:
            order = self._order(column, query.storage_gb, descending=descending)
            return islice(order, self._start(query, order, values), None)
        few = [position for name in names for position in self._by_gpu.get(name, ())]
        return iter(sorted(few, key=_key(values), reverse=descending))

    def _start(self, query: Query, order: list[int], values: list[Any]) -> int:
        """Where the order begins to reach a lower bound on its own column (paging by price)."""
        column, descending = query.order[0]
        bounds = [wanted for op, wanted in query.tests.get(column, ()) if op in ("gt", "gte")]
        if descending or column == "dph_total" or not bounds or None in values:
            return 0
        if not isinstance(bounds[0], int | float):
            return 0
        return bisect_left(order, bounds[0], key=values.__getitem__)

    def _order(self, column: str, storage_gb: float, *, descending: bool) -> list[int]:
        key = (column, storage_gb if column == "dph_total" else 0.0, descending)
        if key not in self._orders:
            values = self._column(column, storage_gb)
            self._orders[key] = sorted(range(len(values)), key=_key(values), reverse=descending)
        return self._orders[key]

    def _insert(self, key: tuple[str, float, bool], position: int) -> None:
        name, storage_gb, descending = key
        values, order = self._column(name, storage_gb), self._orders[key]
        new = _sortable(values[position])
        if descending:
            behind = bisect_left(order, True, key=lambda p: _sortable(values[p]) < new)
        else:
            behind = bisect_left(order, new, key=lambda p: _sortable(values[p]))
        order.insert(behind, position)

    def _column(self, name: str, storage_gb: float) -> list[Any]:
        if name in _LIVE:
            get = fields.STATIC[name]
            return [get(ask) for ask in self.asks]
        key = (name, storage_gb if name == "dph_total" else 0.0)
        if key not in self._columns:
            self._columns[key] = [self._value(name, storage_gb, ask) for ask in self.asks]
        return self._columns[key]

    def _value(self, name: str, storage_gb: float, ask: Ask) -> Any:
        if name == "dph_total":
            return fields.total_price(ask, storage_gb)
        if name == "country":
            return ask.machine.country
        return (fields.STATIC.get(name) or fields.PER_QUERY[name])(ask)

    def _tests(self, query: Query, age_s: float) -> list[tuple[str, list[Any] | None, Test]]:
        tests = []
        for name, conditions in query.tests.items():
            for op, wanted in conditions:
                tests.append(self._one_test(name, op, wanted, age_s))
        return sorted(tests, key=lambda test: (test[1] is None, test[0] in _BROAD))

    def _one_test(
        self, name: str, op: str, wanted: Any, age_s: float
    ) -> tuple[str, list[Any] | None, Test]:
        if name == "id":  # the provider's own oddity: this filter matches nothing
            return "host_id", self._column("host_id", 0), lambda _v: False
        if name in ("verified", "datacenter"):
            return self._virtual(name, op, wanted)
        if name in _LIVE:
            return name, None, make_test(op, wanted, sample=True)
        column, wanted = _source(name, wanted, age_s)
        values = self._column(column, 0)
        sample = next((value for value in values if value is not None), "")
        if column == "external":
            live = make_test(op, wanted, sample=True)
            return column, values, lambda v: live(bool(v))
        return column, values, make_test(op, wanted, sample, holes=None in values)

    def _virtual(self, name: str, op: str, wanted: Any) -> tuple[str, list[Any], Test]:
        test = make_test(op, wanted, sample=True)
        if name == "verified":
            values = self._column("verification", 0)
            return name, values, lambda v: test(v == "verified")
        return name, self._column("hosting_type", 0), lambda v: test(v >= 1)

    def _walk(
        self, candidates: Iterator[int], tests: list[tuple[str, list[Any] | None, Test]]
    ) -> Iterator[int]:
        while chunk := list(islice(candidates, _CHUNK)):
            chunk = [p for p in chunk if self.asks[p].listed]
            for name, values, test in tests:
                if values is None:
                    live = fields.STATIC[name]
                    chunk = [p for p in chunk if test(live(self.asks[p]))]
                else:
                    chunk = [p for p in chunk if test(values[p])]
            yield from chunk


def _source(name: str, wanted: Any, age_s: float) -> tuple[str, Any]:
    """The column a filter really compares, and the value it compares with."""
    if name == "dph_total":  # compared with the GPU-only price, unlike the sort
        return "dph_base", wanted
    if name == "geolocation":
        return "country", wanted
    if name == "duration":
        return "end_date", _shifted(wanted, age_s)
    return name, wanted


def _shifted(wanted: Any, age_s: float) -> Any:
    try:
        return float(wanted) + age_s
    except (TypeError, ValueError):
        return wanted


def _wanted_gpus(query: Query) -> list[str] | None:
    for op, wanted in query.tests.get("gpu_name", ()):
        if op == "eq" and isinstance(wanted, str):
            return [wanted]
        if op == "in":
            return [name for name in dict.fromkeys(wanted) if isinstance(name, str)]
    return None


def _key(values: list[Any]) -> Callable[[int], Any]:
    """What to sort positions by; None sorts lowest."""
    if None in values:
        return lambda position: _sortable(values[position])
    return values.__getitem__


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)
