"""Searching the market as Vast.ai lets its clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.driver import Sim


def test_sixty_offers_hold_several_free_single_rtx_4090s(sim: Sim) -> None:
    rows = sim.search(gpu_name={"eq": "RTX 4090"}, num_gpus={"eq": 1}, rentable={"eq": True})
    assert len(rows) >= 3
    assert {row["gpu_ram"] for row in rows} <= {24564, 23028, 49140}


def test_texts_count_as_numbers_and_booleans_as_the_official_client_sends_them(sim: Sim) -> None:
    as_text = sim.search(num_gpus={"eq": "1"}, reliability={"gt": "0.98"}, rentable={"eq": "true"})
    as_value = sim.search(num_gpus={"eq": 1}, reliability={"gt": 0.98}, rentable={"eq": True})
    assert as_text
    assert [row["id"] for row in as_text] == [row["id"] for row in as_value]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"eq": 1}, lambda n: n == 1),
        ({"neq": 1}, lambda n: n != 1),
        ({"gt": 1}, lambda n: n > 1),
        ({"gte": 2}, lambda n: n >= 2),
        ({"lt": 2}, lambda n: n < 2),
        ({"lte": 2}, lambda n: n <= 2),
        ({"in": [1, 8]}, lambda n: n in (1, 8)),
        ({"notin": [1, 8]}, lambda n: n not in (1, 8)),
        ({"gte": 2, "lt": 8}, lambda n: 2 <= n < 8),
    ],
)
def test_every_operator_selects_exactly_what_it_says(
    sim: Sim, condition: dict[str, Any], holds: Any
) -> None:
    everything = {row["id"] for row in sim.search(order=[["id", "asc"]]) if holds(row["num_gpus"])}
    assert {row["id"] for row in sim.search(num_gpus=condition)} == everything


def test_post_get_and_put_answer_the_same(sim: Sim) -> None:
    query = {"rentable": {"eq": True}, "order": [["dph_base", "asc"]]}
    posted = sim.ask("POST", "/api/v0/bundles/", query).json()
    got = sim.ask("GET", "/api/v0/bundles/", params={"q": json.dumps(query)}).json()
    put = sim.ask("PUT", "/api/v0/search/asks/", {"select_cols": ["*"], "q": query}).json()
    assert posted == got == put


def test_the_content_type_is_application_json_and_nothing_more(sim: Sim) -> None:
    answer = sim.ask("POST", "/api/v0/bundles/", {})
    assert answer.headers["Content-Type"] == "application/json"


def test_search_by_post_needs_no_key(sim: Sim) -> None:
    sim.key = ""
    assert sim.search()


def test_the_order_is_obeyed_in_both_directions(sim: Sim) -> None:
    up = [row["dph_total"] for row in sim.search(order=[["dph_total", "asc"]])]
    down = [row["dph_total"] for row in sim.search(order=[["dph_total", "desc"]])]
    assert up == sorted(up)
    assert down == up[::-1]


def test_a_flat_order_pair_works_too(sim: Sim) -> None:
    assert sim.search(order=["dph_base", "asc"]) == sim.search(order=[["dph_base", "asc"]])


def test_ties_are_broken_by_the_second_order(sim: Sim) -> None:
    rows = sim.search(order=[["num_gpus", "asc"], ["dph_base", "desc"]])
    pairs = [(row["num_gpus"], -row["dph_base"]) for row in rows]
    assert pairs == sorted(pairs)


def test_a_response_never_holds_more_than_64_rows(sim: Sim) -> None:
    sim.reset(offers=500)
    assert len(sim.search(limit=3000)) == 64
    assert len(sim.search(limit=3)) == 3


def test_paging_by_price_reaches_every_offer(sim: Sim) -> None:
    sim.reset(offers=500)
    seen: set[int] = set()
    floor = 0.0
    while True:
        rows = sim.search(dph_base={"gte": floor}, order=[["dph_base", "asc"]])
        fresh = {row["id"] for row in rows} - seen
        seen |= fresh
        floor = rows[-1]["dph_base"]
        if len(rows) < 64 or not fresh:
            break
    assert len(seen) == sim.control("GET", "offers")["counts"]["vastai"]["offers"]


def test_more_storage_costs_more_and_only_by_the_storage(sim: Sim) -> None:
    small = {row["id"]: row for row in sim.search(allocated_storage=10)}
    for row in sim.search(allocated_storage=100):
        extra = row["dph_total"] - small[row["id"]]["dph_total"]
        assert extra == pytest.approx(90 * row["storage_cost"] / 720, abs=1e-6)
        assert row["dph_base"] == small[row["id"]]["dph_base"]


def test_a_dph_total_filter_compares_the_gpu_price(sim: Sim) -> None:
    row = max(sim.search(allocated_storage=5000), key=lambda r: r["dph_total"] - r["dph_base"])
    between = (row["dph_base"] + row["dph_total"]) / 2
    found = sim.search(dph_total={"lte": between}, allocated_storage=5000)
    assert row["id"] in {r["id"] for r in found}


def test_the_id_filter_matches_nothing_but_ask_contract_id_does(sim: Sim) -> None:
    ask_id = sim.free_4090()
    assert sim.search(id={"eq": ask_id}) == []
    assert [row["id"] for row in sim.search(ask_contract_id={"eq": ask_id})] == [ask_id]


def test_geolocation_takes_country_codes_only(sim: Sim) -> None:
    found = sim.search(geolocation={"in": ["US", "CA"]})
    assert found
    assert all(row["geolocation"].strip()[-2:] in ("US", "CA") for row in found)
    assert sim.search(geolocation={"eq": "us"}) == []
    assert sim.search(geolocation={"eq": found[0]["geolocation"]}) == []


def test_the_virtual_fields_speak_of_other_columns(sim: Sim) -> None:
    assert {row["verification"] for row in sim.search(verified={"eq": True})} == {"verified"}
    assert {row["hosting_type"] for row in sim.search(datacenter={"eq": True})} == {1}
    assert all(row["duration"] >= 86400 for row in sim.search(duration={"gte": 86400}))
    assert "verified" not in sim.search()[0]


@pytest.mark.parametrize(
    "query",
    [
        {"gpu_name": "RTX 4090"},
        {"num_gpus": {"like": 1}},
        {"num_gpus": {"in": 1}},
        {"order": [["price", "asc"]]},
        {"order": "dph_total"},
        {"limit": "many"},
        {"type": "forever"},
        {"type": []},
        {"q": {}},
        {"no_such_column": {"eq": 1}},
        [],
    ],
)
def test_a_malformed_query_is_refused_with_400(sim: Sim, query: Any) -> None:
    answer = sim.ask("POST", "/api/v0/bundles/", query)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


def test_a_body_that_is_no_json_is_an_invalid_request(sim: Sim) -> None:
    answer = sim.http.post(sim.url + "/api/v0/bundles/", data="{", timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_bid_search_shows_the_lowest_bid_as_the_price(sim: Sim) -> None:
    row = sim.search(type="bid", limit=1)[0]
    assert row["dph_base"] == row["min_bid"]
    assert row["is_bid"] is True


def test_a_price_edit_moves_the_offer_in_the_order(sim: Sim) -> None:
    dearest = sim.search(order=[["dph_base", "desc"]], limit=1)[0]["id"]
    sim.control("POST", "offers", {"set": {str(dearest): {"price": 0.0001}}})
    assert sim.search(order=[["dph_base", "asc"]], limit=1)[0]["id"] == dearest
    assert sim.search(order=[["dph_base", "desc"]], limit=1)[0]["id"] != dearest
