"""The whole market through answers of at most 64 rows.

Rows are asked for by rising GPU price, the next page beginning at the last price of the one
before; rows met twice are dropped. Where 64 or more offers share one price the page cannot move
on, so that price is asked for by GPU names, half of them at a time; one name that is too much by
itself is asked for by count, and then by machine.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gpu_shopper.core.normalise import number
from gpu_shopper.core.offers import Offer
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.vastai.offers import DEFAULT_DISK_GB, PROVIDER, Unreadable, offer_of
from gpu_shopper.providers.vastai.search import Row

PAGE_ROWS = 64
"""Vast.ai's cap per answer, whatever `limit` says; no cursor exists."""
MAX_UNREADABLE_PERCENT = 20
_SPLITS = ("gpu_name", "num_gpus", "machine_id")

type Filters = Mapping[str, Mapping[str, Any]]
type Ask = Callable[[dict[str, Any]], list[Row]]
"""Sends one query and returns the rows of the answer."""

_logger = logging.getLogger(__name__)


def query(filters: Filters) -> dict[str, Any]:
    """A search for everything rentable on demand, cheapest GPUs first."""
    return {
        "rentable": {"eq": True},
        "external": {"eq": False},
        **filters,
        "type": "on-demand",
        "allocated_storage": float(DEFAULT_DISK_GB),
        "order": [["dph_base", "asc"]],
        "limit": PAGE_ROWS,
    }


def whole_market(ask: Ask) -> list[Offer]:
    """Every offer, each once. Raises BadProviderReply when a page, or too many rows, are bad."""
    sweep = _Sweep(ask)
    with _collector_paused():
        sweep.run()
    if sweep.unreadable * 100 > sweep.rows * MAX_UNREADABLE_PERCENT:
        raise BadProviderReply(f"{sweep.unreadable} of {sweep.rows} offers cannot be read")
    if sweep.unreadable:
        told = {"provider": PROVIDER, "operation": "list_offers", "unreadable": sweep.unreadable}
        _logger.warning("skipped offers that cannot be read", extra=told)
    return sweep.offers


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Offers refer to nothing in circles: looking through thousands of them again and again, as
    they become more, would take an eighth of the whole time and find nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Sweep:
    """Offers gathered so far. A row met again counts once, unless it has no usable id."""

    def __init__(self, ask: Ask) -> None:
        self.offers: list[Offer] = []
        self.rows = 0
        self.unreadable = 0
        self._ask = ask
        self._seen: set[int] = set()

    def run(self) -> None:
        """Read the whole market."""
        prices, operator, price = self._page({}, "dph_base"), "gte", -1.0
        while len(prices) >= PAGE_ROWS:
            top = _top(prices)
            if top > price:
                operator, price = "gte", top
            elif operator == "gte" and top == price:
                self._split({"dph_base": {"gte": price, "lte": price}}, _SPLITS)
                operator = "gt"
            else:
                raise BadProviderReply("the search does not move on from one price to the next")
            prices = self._page({"dph_base": {operator: price}}, "dph_base")

    def _split(self, filters: Filters, columns: tuple[str, ...]) -> None:
        """Everything that matches `filters`, by the values of the first of `columns`."""
        column = columns[0] if columns else "id"
        page = self._page(filters, column)
        if len(page) >= PAGE_ROWS and not columns:
            raise BadProviderReply(f"more than {PAGE_ROWS} offers of one price and machine")
        done = list[Any]()
        while len(page) >= PAGE_ROWS:
            values = _fresh(page, done)
            if not values:
                raise BadProviderReply(f"the search cannot be split by {column}")
            self._halve(filters, columns, values)
            done += values
            page = self._page({**filters, column: {"notin": done}}, column)

    def _halve(self, filters: Filters, columns: tuple[str, ...], values: list[Any]) -> None:
        """Everything with one of `values` in the first column; a single value is split further."""
        column = columns[0]
        if len(values) == 1:
            self._split({**filters, column: {"eq": values[0]}}, columns[1:])
            return
        middle = len(values) // 2
        for half in (values[:middle], values[middle:]):
            if len(self._page({**filters, column: {"in": half}}, column)) >= PAGE_ROWS:
                self._halve(filters, columns, half)

    def _page(self, filters: Filters, column: str) -> list[Any]:
        """Take in one page; gives its rows' values of `column`, and keeps no row."""
        values = []
        for row in self._ask(query(filters)):
            values.append(getattr(row, column))
            self._take(row)
        return values

    def _take(self, row: Row) -> None:
        if type(row.id) is int:
            if row.id in self._seen:
                return
            self._seen.add(row.id)
        self.rows += 1
        try:
            offer = offer_of(row)
        except Unreadable:
            self.unreadable += 1
            return
        if offer is not None:
            self.offers.append(offer)


def _top(prices: list[Any]) -> float:
    known = [price for price in map(number, prices) if price is not None]
    if not known:
        raise BadProviderReply("a page without any price")
    return max(known)


def _fresh(values: list[Any], done: list[Any]) -> list[Any]:
    """Those of `values` that can be searched for and are not done yet."""
    return sorted({value for value in values if isinstance(value, str | int)} - set(done), key=str)
