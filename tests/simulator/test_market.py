"""The generated market: repeatable, of the asked size, plausible, and fast to search."""

from __future__ import annotations

import statistics
import time

import pytest

from simulator.vastai import fields
from simulator.vastai.book import Book
from simulator.vastai.market import generate
from simulator.vastai.query import parse

SEARCHES = [
    {"rentable": {"eq": True}, "verified": {"eq": True}, "external": {"eq": False}},
    {"gpu_name": {"eq": "RTX 4090"}, "num_gpus": {"eq": "1"}, "rentable": {"eq": True}},
    {"rentable": {"eq": True}, "dph_base": {"gte": 1.2}, "order": [["dph_base", "asc"]]},
    {"num_gpus": {"gte": 17}, "order": [["dph_base", "asc"]]},
    {"geolocation": {"in": ["US"]}, "gpu_ram": {"gte": 80000}, "order": [["dph_total", "asc"]]},
]


@pytest.mark.parametrize("size", [1, 60, 64, 65, 1000])
def test_the_market_has_exactly_the_asked_size(size: int) -> None:
    asks = generate(size, seed=3).asks
    assert len(asks) == size
    assert len({ask.id for ask in asks}) == size


def test_the_same_size_and_seed_give_the_same_rows_and_another_seed_others() -> None:
    first, again, other = (generate(300, seed) for seed in (1, 1, 2))
    rows = [[fields.render(ask, 8, 0, 0) for ask in m.asks] for m in (first, again, other)]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


def test_prices_lie_where_the_real_market_has_them() -> None:
    asks = generate(20_000, seed=1).asks
    for name, median in {"RTX 4090": 0.31, "RTX 3090": 0.15, "H100 SXM": 1.9}.items():
        prices = [ask.dph_base / ask.size for ask in asks if ask.machine.model.name == name]
        assert statistics.median(prices) == pytest.approx(median, rel=0.15)


def test_overlapping_asks_of_a_machine_share_gpus_and_equal_sizes_do_not() -> None:
    machine = next(m for m in generate(2000, 1).machines if len({a.size for a in m.asks}) > 1)
    whole = machine.asks[-1]
    for ask in machine.asks[:-1]:
        assert set(ask.gpu_ids) <= set(whole.gpu_ids)
    ones = [ask for ask in machine.asks if ask.size == machine.asks[0].size]
    assert len({ask.first for ask in ones}) == len(ones)


def test_a_search_over_100_000_offers_takes_less_than_50_ms() -> None:
    book = Book(generate(100_000, seed=1))
    for raw in SEARCHES:
        query = parse(raw, strict=True)
        durations = []
        for _ in range(3):
            began = time.process_time()
            book.search(query, 0.0)
            durations.append(time.process_time() - began)
        assert min(durations) < 0.05, raw
