"""The whole of Vast.ai's market through pages of 64 rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from gpu_shopper.core.offers import Offer
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
)
from tests.providers.stub import Answer, Network, Sent, StoppedClock
from tests.providers.vastai_shapes import BAD_KEY, HTML_502, TIMED_OUT, error, offer_row, vast

type Row = dict[str, Any]


class FakeMarket:
    """Answers searches as Vast.ai does: filters, order, and never more than 64 rows."""

    def __init__(self, rows: list[Row], cap: int = 64) -> None:
        self.rows = rows
        self.cap = cap
        self.queries: list[Row] = []

    def __call__(self, sent: Sent) -> Answer:
        query = sent.body
        self.queries.append(query)
        plain = {"type", "order", "limit", "allocated_storage"}
        rows = [
            row
            for row in self.rows
            if all(_passes(row.get(key), query[key]) for key in set(query) - plain)
        ]
        for column, way in reversed(query["order"]):
            rows.sort(key=lambda row: row[column], reverse=way == "desc")
        return Answer({"offers": rows[: self.cap]})


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted or (value is None and wanted is False),
    "gte": lambda value, wanted: value >= wanted,
    "gt": lambda value, wanted: value > wanted,
    "lte": lambda value, wanted: value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
}


def _passes(value: Any, condition: dict[str, Any]) -> bool:
    return all(_OPERATORS[name](value, wanted) for name, wanted in condition.items())


def market_of(count: int, **columns: Callable[[int], Any]) -> list[Row]:
    return [
        offer_row(id=1 + number, **{key: make(number) for key, make in columns.items()})
        for number in range(count)
    ]


def ids(offers: list[Offer]) -> list[int]:
    return sorted(int(offer.provider_id) for offer in offers)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 500])
def test_the_whole_market_is_seen_and_every_offer_once(count: int) -> None:
    market = FakeMarket(market_of(count, dph_base=lambda number: 0.1 + number // 3 / 100))
    assert ids(vast(Network(market)).list_offers()) == list(range(1, count + 1))
    assert len(market.queries) <= 2 + count // 60


def test_a_plateau_of_one_price_is_split_by_gpu_count_and_machine() -> None:
    names = ["RTX 4090", "RTX 5090", "H100 SXM", "Odd GPU"]
    rows = market_of(
        900,
        dph_base=lambda number: 0.4 if number < 800 else 0.1 + number / 1_000,
        gpu_name=lambda number: names[number % 4],
        num_gpus=lambda number: 1 + number // 4 % 2,
        machine_id=lambda number: number // 16,
    )
    assert ids(vast(Network(FakeMarket(rows))).list_offers()) == list(range(1, 901))


def test_a_plateau_with_values_of_several_types_is_split_all_the_same() -> None:
    rows = market_of(
        90,
        dph_base=lambda _: 0.4,
        gpu_name=lambda number: "RTX 4090" if number % 10 else 4_090,
        machine_id=lambda number: number // 16,
    )
    assert len(vast(Network(FakeMarket(rows))).list_offers()) == 81


def test_more_than_64_offers_alike_are_an_error_and_not_a_part() -> None:
    rows = market_of(80)
    with pytest.raises(BadProviderReply):
        vast(Network(FakeMarket(rows))).list_offers()


def test_a_search_that_ignores_its_filters_is_an_error_and_not_endless() -> None:
    network = Network(Answer({"offers": market_of(64, dph_base=lambda number: 0.1 + number)}))
    with pytest.raises(BadProviderReply):
        vast(network).list_offers()
    assert len(network.sent) < 20


def test_the_search_asks_for_the_unfiltered_on_demand_market() -> None:
    market = FakeMarket(market_of(3))
    network = Network(market)
    vast(network).list_offers()
    assert network.methods() == ["POST /api/v0/bundles/"]
    assert market.queries == [
        {
            "rentable": {"eq": True},
            "external": {"eq": False},
            "type": "on-demand",
            "allocated_storage": 50.0,
            "order": [["dph_base", "asc"]],
            "limit": 64,
        }
    ]


@pytest.mark.parametrize("garbage", [{}, {"id": 7}, None, offer_row(id=9_999, dph_base=None)])
def test_a_fifth_of_the_rows_may_be_garbage_and_no_more(garbage: object) -> None:
    good = market_of(4)
    assert len(vast(Network(Answer({"offers": [*good, garbage]}))).list_offers()) == 4
    with pytest.raises(BadProviderReply):
        vast(Network(Answer({"offers": [*good[:3], garbage]}))).list_offers()


def test_rows_seen_twice_count_once() -> None:
    rows = market_of(3)
    assert ids(vast(Network(Answer({"offers": rows + rows}))).list_offers()) == [1, 2, 3]


def test_nan_in_a_row_is_skipped_and_not_fatal() -> None:
    rows = market_of(10)
    rows[3]["dph_base"] = math.nan
    rows[4]["dlperf"] = math.inf
    rows[5]["reliability2"] = math.nan
    found = vast(Network(Answer({"offers": rows}))).list_offers()
    assert ids(found) == [1, 2, 3, 5, 6, 7, 8, 9, 10]


def test_a_key_that_occurs_twice_in_a_row_takes_its_last_value() -> None:
    text = json.dumps({"offers": [offer_row()]}).replace('"id":', '"score": 1, "score": 2, "id":')
    assert len(vast(Network(Answer(text))).list_offers()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer({}),
        Answer([]),
        Answer("null"),
        Answer(""),
        Answer("<html></html>"),
        Answer('{"offers": ['),
        Answer({"offers": None}),
        Answer({"offers": {}}),
        Answer({"offers": [], "success": False}),
        Answer({"offers": [{}]}),
        Answer("[" * 100_000),
        Answer("x" * 11_000_000),
        Answer("", 301, {"Location": "https://elsewhere.test"}),
        error("bad_request", "q.gpu_name: Input should be a valid dictionary"),
        Answer({"error": "search_quota_exceeded"}, 429),
        HTML_502,
        BAD_KEY,
        TIMED_OUT,
    ],
)
def test_a_search_that_cannot_be_read_raises(answer: Answer | Exception) -> None:
    with pytest.raises(ProviderError):
        vast(Network(answer)).list_offers()


def test_a_page_that_fails_in_the_middle_fails_the_whole() -> None:
    """QA-H1"""
    full = Answer({"offers": market_of(64, dph_base=lambda number: 0.1 + number / 100)})
    for failure in (HTML_502, TIMED_OUT, Answer("{"), BAD_KEY):
        with pytest.raises((ProviderUnavailable, ProviderAuth)):
            vast(Network(full, failure)).list_offers()


def test_a_market_that_takes_too_long_is_given_up() -> None:
    """M-19"""
    clock = StoppedClock()
    market = FakeMarket(market_of(3_000, dph_base=lambda number: 0.1 + number / 1_000))

    def slow(sent: Sent) -> Answer:
        clock.now_s += 29
        return market(sent)

    with pytest.raises(ProviderUnavailable):
        vast(Network(slow), clock=clock).list_offers()
    assert clock.now_s <= 240 + 29


def test_nobodys_filter_is_ever_sent_to_the_market() -> None:
    """X-6: only what is for rent on demand, and what leads from page to page."""
    market = FakeMarket(
        market_of(
            300, dph_base=lambda number: 0.4 + number // 100, machine_id=lambda number: number
        )
    )
    vast(Network(market)).list_offers()
    paging = {"dph_base", "gpu_name", "num_gpus", "machine_id"}
    plain = {"type", "order", "limit", "allocated_storage"}
    for query in market.queries:
        assert set(query) - paging - plain == {"rentable", "external"}
    assert "dph_base" not in market.queries[0]
