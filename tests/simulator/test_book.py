"""The book's short cuts: never anything but what a look at every row gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.vastai import fields
from simulator.vastai.book import Book
from simulator.vastai.machines import Ask
from simulator.vastai.market import Market, generate
from simulator.vastai.query import parse

NOW_S = 1_790_000_000.0
SIZE = 600
COUNTRIES = ["DE", "US", "IS"]
DISKS_GB = [8.0, 50.0, 333.0]

type Row = dict[str, Any]

FILTERS: dict[str, st.SearchStrategy[Row]] = {
    "rentable": st.just({"eq": True}),
    "verified": st.sampled_from([{"eq": True}, {"eq": False}]),
    "gpu_name": st.sampled_from(
        [{"eq": "RTX 4090"}, {"in": ["RTX 3090", "H100 SXM"]}, {"notin": ["RTX 4090"]}]
    ),
    "num_gpus": st.sampled_from([{"eq": 1}, {"gt": 1, "lte": 8}, {"gte": 16}, {"neq": 2}]),
    "gpu_ram": st.sampled_from([{"gte": 24_000}, {"lt": 24_000}]),
    "dph_base": st.sampled_from([{"gte": 0.3, "lte": 0.4}, {"gt": 1e6}, {"lt": 0.1}]),
    "dph_total": st.sampled_from([{"lte": 0.4}, {"gt": 0.4, "lt": 2}]),
    "reliability2": st.sampled_from([{"gte": 0.98}, {"gt": 1}]),
    "inet_down": st.sampled_from([{"gte": 800}, {"lte": 100}]),
    "cuda_max_good": st.sampled_from([{"gte": 12.4}, {"lt": 12.4}]),
    "geolocation": st.sampled_from([{"in": COUNTRIES}, {"eq": "US"}, {"notin": COUNTRIES}]),
    "duration": st.sampled_from([{"gte": 86_400}, {"lt": 86_400}]),
}
ORDERS = ["dph_base", "dph_total", "score", "num_gpus", "gpu_ram", "cuda_max_good", "duration"]
wishes = st.fixed_dictionaries(
    {
        "allocated_storage": st.sampled_from(DISKS_GB),
        "limit": st.sampled_from([1, 10, 64]),
        "order": st.lists(
            st.tuples(st.sampled_from(ORDERS), st.sampled_from(["asc", "desc"])).map(list),
            min_size=1,
            max_size=3,
            unique_by=lambda pair: pair[0],
        ),
    },
    optional=FILTERS,
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
}


@pytest.fixture(scope="module")
def market() -> Market:
    """Without offers that are answered twice; and it has changed since it was made."""
    made = generate(SIZE, seed=3)
    return Market(made.seed, made.asks, made.machines, frozenset())


@pytest.fixture(scope="module")
def book(market: Market) -> Book:
    """A book whose offers came, went and changed their price after it was opened."""
    late = [market.asks.pop() for _ in range(40)][::-1]
    opened = Book(market)
    opened.search(parse({"order": ["dph_total", "asc"], "allocated_storage": 333}, strict=True), 0)
    opened.search(parse({"order": ["cuda_max_good", "asc"]}, strict=True), 0)
    opened.add(late)
    for ask in opened.asks[::7]:
        opened.reprice(ask, round(ask.dph_base * 1.1, 6))
    for ask in opened.asks[::11]:
        ask.listed = False
    return opened


@pytest.fixture(scope="module")
def rows(book: Book) -> dict[float, dict[int, Row]]:
    """What every listed offer shows, by the disk that is asked for and by id."""
    return {
        disk: {ask.id: row_of(ask, disk) for ask in book.asks if ask.listed} for disk in DISKS_GB
    }


def row_of(ask: Ask, storage_gb: float) -> Row:
    """What the filters of a search look at."""
    shown = fields.render(ask, storage_gb, NOW_S, NOW_S)
    return shown | {
        "verified": shown["verification"] == "verified",
        "geolocation": ask.machine.country,
    }


def passes(row: Row, wish: Row) -> bool:
    columns = {"dph_total": "dph_base"}  # filtered by the price without the disk
    return all(
        COMPARE[name](row[columns.get(column, column)], wanted)
        for column in wish.keys() & FILTERS.keys()
        for name, wanted in wish[column].items()
    )


def in_order(rows: list[Row], wish: Row) -> list[Row]:
    for column, way in reversed(wish["order"]):
        rows.sort(
            key=lambda row, name=column: (row[name] is not None, row[name]),  # type: ignore[misc]  # a bound default is not part of the type
            reverse=way == "desc",
        )
    return rows


def ranks(rows: list[Row], wish: Row) -> Iterator[list[Any]]:
    for row in rows:
        yield [row[column] for column, _ in wish["order"]]


@given(wish=wishes)
def test_a_search_finds_what_a_look_at_every_row_finds(
    book: Book, rows: dict[float, dict[int, Row]], wish: Row
) -> None:
    """Equals of the last rank may be others: which of them are shown is nobody's promise."""
    shown = rows[wish["allocated_storage"]]
    matching = [row for row in shown.values() if passes(row, wish)]
    expected = in_order(matching, wish)[: wish["limit"]]
    asks = book.search(parse(wish, strict=True), 0.0)
    found = [shown[ask.id] for ask in asks]
    assert list(ranks(found, wish)) == list(ranks(expected, wish))
    assert all(passes(row, wish) for row in found)
    assert len({ask.id for ask in asks}) == len(asks)
