"""The book of offers: answers searches over 100,000 asks without looking at every row.

Values are kept by column. A search walks the asks in the wanted order, a chunk at a time, within
the bounds that it sets on that column, and stops when it has its rows; a search for named GPUs
looks only at those.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from simulator.vastai import fields
from simulator.vastai.columns import LIVE, USUAL_ORDERS, Column, Columns
from simulator.vastai.machines import Ask
from simulator.vastai.market import Market
from simulator.vastai.query import Query, Test, make_test

_FIRST_CHUNK = 256
_CHUNK = 4096
_WORTH_SORTING = 8
"""Sorting a few asks pays when it saves walking past so many times as many."""

type _Test = tuple[str, Sequence[Any] | None, Test]
"""A column, its values (None: read from the ask), and what they must be."""


class Book:
    """Search, lookup and change of the asks of one market."""

    def __init__(self, market: Market) -> None:
        self.asks = market.asks
        self._duplicates = market.duplicates
        self._columns = Columns(self.asks)
        self._by_id = {ask.id: ask for ask in self.asks}
        self._by_gpu: dict[str, list[int]] = defaultdict(list)
        for ask in self.asks:
            self._by_gpu[ask.machine.model.name].append(ask.position)

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
            self._columns.append(ask)

    def reprice(self, ask: Ask, dph_base: float) -> None:
        """Change the GPU price of an ask, $/h for all its GPUs."""
        ask.dph_base = dph_base
        self._columns.reprice(ask)

    def search(self, query: Query, since_market_s: float) -> list[Ask]:
        """Matching asks in order, at most `query.limit`; age of the market in seconds."""
        tests = self._tests(query, since_market_s)
        found = self._walk(self._candidates(query), tests)
        if len(query.order) > 1:
            found = iter(self._in_every_order(found, query))
        return self._rows(found, query.limit)

    def _rows(self, positions: Iterable[int], limit: int) -> list[Ask]:
        rows: list[Ask] = []
        for position in islice(positions, limit):
            rows.append(self.asks[position])
            if position in self._duplicates:
                rows.append(self.asks[position])
        return rows[:limit]

    def _in_every_order(self, found: Iterator[int], query: Query) -> list[int]:
        """Enough of `found`, which is in the first order, with equals in the further ones."""
        first = self._columns.get(query.order[0][0], query.storage_gb).key()
        positions = list(islice(found, query.limit))
        for position in found if positions else ():
            if first(position) != first(positions[-1]):
                break
            positions.append(position)
        for column, descending in reversed(query.order):
            key = self._columns.get(column, query.storage_gb).key()
            positions.sort(key=key, reverse=descending)
        return positions

    def _candidates(self, query: Query) -> Iterator[int]:
        """Positions that may match, in the first of the wanted orders."""
        name, descending = query.order[0]
        column = self._columns.get(name, query.storage_gb)
        order, (begin, end) = column.ascending(), _bounds(query, name, column)
        few = self._few(query, most=(end - begin) // _WORTH_SORTING)
        if few is not None:
            return iter(sorted(few, key=column.key(), reverse=descending))
        places = range(end - 1, begin - 1, -1) if descending else range(begin, end)
        return map(order.__getitem__, places)

    def _few(self, query: Query, most: int) -> list[int] | None:
        """What named GPUs or the bounds on one column leave; None when that is more than `most`."""
        names = _wanted_gpus(query)
        if names is not None:
            return [position for name in names for position in self._by_gpu.get(name, ())]
        for name in USUAL_ORDERS:
            column = self._columns.get(name)
            begin, end = _bounds(query, name, column)
            if end - begin <= most:
                return column.ascending()[begin:end]
        return None

    def _tests(self, query: Query, age_s: float) -> list[_Test]:
        return [
            self._one_test(name, op, wanted, age_s)
            for name, conditions in query.tests.items()
            for op, wanted in conditions
        ]

    def _one_test(self, name: str, op: str, wanted: Any, age_s: float) -> _Test:
        if name == "id":  # the provider's own oddity: this filter matches nothing
            return "host_id", self._columns.get("host_id").values, lambda _v: False
        if name in ("verified", "datacenter"):
            return self._virtual(name, op, wanted)
        if name in LIVE:
            return name, None, make_test(op, wanted, sample=True)
        source, wanted = _source(name, wanted, age_s)
        column = self._columns.get(source)
        if source == "external":
            live = make_test(op, wanted, sample=True)
            return source, column.values, lambda v: live(bool(v))
        sample = next((value for value in column.values if value is not None), "")
        return source, column.values, make_test(op, wanted, sample, holes=column.holes)

    def _virtual(self, name: str, op: str, wanted: Any) -> _Test:
        test = make_test(op, wanted, sample=True)
        if name == "verified":
            values = self._columns.get("verification").values
            return name, values, lambda v: test(v == "verified")
        return name, self._columns.get("hosting_type").values, lambda v: test(v >= 1)

    def _walk(self, candidates: Iterator[int], tests: list[_Test]) -> Iterator[int]:
        """The candidates that pass; the strictest tests, as the first chunk tells, come first."""
        chunk = list(islice(candidates, _FIRST_CHUNK))
        tests = sorted(tests, key=lambda test: len(self._passing(chunk, test)))
        while chunk:
            for test in tests:
                chunk = self._passing(chunk, test)
            yield from (p for p in chunk if self.asks[p].listed)
            chunk = list(islice(candidates, _CHUNK))

    def _passing(self, positions: list[int], one: _Test) -> list[int]:
        name, values, test = one
        if values is not None:
            return [p for p in positions if test(values[p])]
        live, asks = fields.STATIC[name], self.asks
        return [p for p in positions if test(live(asks[p]))]


def _bounds(query: Query, name: str, column: Column) -> tuple[int, int]:
    """Where the order of a column reaches the bounds that the search sets on its values."""
    order, values = column.ascending(), column.values
    begin, end = 0, len(order)
    if column.holes:
        return begin, end
    for filtered, conditions in query.tests.items():
        if _source(filtered, None, 0.0)[0] != name:
            continue
        for op, wanted in conditions:
            if not isinstance(wanted, int | float):
                continue
            if op in ("gt", "gte", "eq"):
                begin = max(begin, bisect_left(order, wanted, key=values.__getitem__))
            if op in ("lt", "lte", "eq"):
                end = min(end, bisect_right(order, wanted, key=values.__getitem__))
    return begin, max(begin, end)


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
