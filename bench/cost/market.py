"""A market of usual size, as Vast.ai shows it: pages of 64 rows, read by the adapter's own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from bench import sample
from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.http import Reply
from gpu_shopper.providers.vastai.market import PAGE_ROWS, whole_market
from gpu_shopper.providers.vastai.search import Row, rows_of

OFFERS = 3_000
"""About as many as Vast.ai has."""

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "lte": lambda value, wanted: value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
}


class Market:
    """So many offers."""

    def __init__(self, offers: int = OFFERS) -> None:
        self._pages = pages(offers)

    def read(self, fetched: Callable[[], None]) -> list[Offer]:
        """All of them; `fetched` is called for each page, and takes its time."""
        answers = iter(self._pages)

        def ask(_query: dict[str, Any]) -> list[Row]:
            fetched()
            return rows_of(Reply(200, next(answers)))

        return whole_market(ask)


@cache
def pages(offers: int) -> list[bytes]:
    """The answers that one reading of the whole market gets."""
    rows = sorted(sample.rows(offers), key=lambda row: row["dph_base"])
    told: list[bytes] = []

    def ask(query: dict[str, Any]) -> list[Row]:
        found = [row for row in rows if _fits(row, query)][:PAGE_ROWS]
        told.append(json.dumps({"success": True, "offers": found}).encode())
        return rows_of(Reply(200, told[-1]))

    whole_market(ask)
    return told


def _fits(row: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    columns = {name: tests for name, tests in query.items() if isinstance(tests, dict)}
    return all(
        _TESTS[test](row[name], wanted)
        for name, tests in columns.items()
        for test, wanted in tests.items()
    )
