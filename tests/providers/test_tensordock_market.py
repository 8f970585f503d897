"""TensorDock's whole market from one answer, and the ids of its offers."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.offer_ids import normalised, tensordock_id, tensordock_location
from gpu_shopper.errors.provider import BadProviderReply, ProviderError
from gpu_shopper.providers.tensordock.offers import offers_of
from tests.providers.stub import Answer, Network
from tests.providers.tensordock_shapes import (
    GPU,
    HTML_502,
    NO_ROUTE,
    PLACE_ID,
    RESET,
    TIMED_OUT,
    dock,
    error,
    gpu_row,
    in_body,
    invalid,
    location,
    market,
)


def test_a_better_confidence_can_be_put_in_later_and_the_offer_names_its_location() -> None:
    offer = offers_of(location(), gpu_row())[1]._replace(base_confidence=0.75)
    assert tensordock_location(offer.provider_id) == PLACE_ID


@pytest.mark.parametrize("text", ["", "x", PLACE_ID, f"{PLACE_ID}-", f"x{PLACE_ID}-{GPU}"])
def test_what_is_no_offer_of_a_location_names_none(text: str) -> None:
    with pytest.raises(ValueError, match="location"):
        tensordock_location(text)


@pytest.mark.parametrize(
    "text",
    [
        f"tensordock-{PLACE_ID}-{GPU}",
        f"  TensorDock-{PLACE_ID.upper()}-{GPU.upper()} ",
        f"TENSORDOCK-{PLACE_ID}-{GPU}",
    ],
)
def test_an_id_is_understood_trimmed_and_in_any_case(text: str) -> None:
    """M-60: the canonical form is in lower case."""
    assert normalised(text) == ("tensordock", f"tensordock-{PLACE_ID}-{GPU}")


def test_the_id_of_several_gpus_keeps_their_number() -> None:
    own_id = tensordock_id(PLACE_ID, GPU, 4)
    assert own_id == f"{PLACE_ID}-{GPU}-x4"
    assert normalised(f"tensordock-{own_id}") == ("tensordock", f"tensordock-{own_id}")


@pytest.mark.parametrize(
    "text",
    [
        PLACE_ID,
        f"{PLACE_ID}-{GPU}",
        f"tensordock-{PLACE_ID}",
        f"tensordock-{PLACE_ID}-",
        f"tensordock-{GPU}",
        f"tensordock-{PLACE_ID}-a/b",
        f"tensordock-{PLACE_ID}-{'g' * 101}",
        f"vastai-{PLACE_ID}-{GPU}",
        f"tensordock--{PLACE_ID}-{GPU}",
    ],
)
def test_a_bare_uuid_or_a_missing_prefix_is_refused_with_the_form(text: str) -> None:
    """M-61: the error explains the format."""
    with pytest.raises(ValueError, match=f"tensordock-.*-{GPU}.*location's UUID.*-x2"):
        normalised(text)


def test_the_whole_market_is_every_type_at_every_location_once() -> None:
    other = "2a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f"
    places = [location(gpu_row(), gpu_row(), gpu_row(v0Name="a40-pcie-48gb")), location(id=other)]
    network = Network(market(*places))
    found = dock(network).list_offers()
    assert len(found) == len({one.id for one in found}) == 6
    assert network.methods() == ["GET /api/v2/locations"]
    assert network.sent[0].headers["Authorization"] == "Bearer key-one-1234"
    assert not network.sent[0].query


def test_of_two_rows_with_one_id_the_first_is_kept() -> None:
    rows = [gpu_row(), gpu_row(price_per_hr=0.01)]
    found = dock(Network(market(location(*rows)))).list_offers()
    assert [one.price_microusd_per_hour for one in found] == [443_000, 793_000]


@pytest.mark.parametrize("places", [[], [location() | {"gpus": []}]])
def test_a_well_formed_empty_market_is_empty(places: list[Any]) -> None:
    assert dock(Network(market(*places))).list_offers() == []


def test_one_bad_row_in_five_is_passed_over_and_one_in_four_is_too_many() -> None:
    good = [gpu_row(v0Name=f"l4-pcie-{size}gb", max_count=1) for size in (24, 25, 26, 27)]
    assert len(dock(Network(market(location(*good, None)))).list_offers()) == 4
    with pytest.raises(BadProviderReply):
        dock(Network(market(location(*good[:3], None)))).list_offers()


@pytest.mark.parametrize(
    "answer",
    [
        Answer({}),
        Answer([]),
        Answer("null"),
        Answer(""),
        Answer({"data": []}),
        Answer({"data": None}),
        Answer({"data": {"locations": None}}),
        Answer({"data": {"locations": {}}}),
        Answer({"data": {"locations": []}, "status": 500, "error": "Internal server error"}),
        Answer({"data": {"locations": []}, "success": False}),
        Answer({"data": {"locations": []}, "errors": ["timeout"]}),
        Answer({"data": {"locations": []}, "error": "partial"}),
        Answer('{"data": {"locations": []}, "data": {}}'),
        Answer({"data": {"locations": []}}, 206),
        market("x"),
        market(location() | {"gpus": {}}),
        in_body(400, "No available nodes found"),
        error("bad", 400),
        invalid("bad"),
        NO_ROUTE,
        HTML_502,
        TIMED_OUT,
        RESET,
        Answer("x" * 11_000_000),
    ],
)
def test_a_market_that_cannot_be_read_is_an_error_and_never_empty(
    answer: Answer | Exception,
) -> None:
    """X-2: 500, 200 with an error, an unknown shape."""
    with pytest.raises(ProviderError):
        dock(Network(answer)).list_offers()


def test_nobodys_filter_is_ever_sent_to_the_market() -> None:
    """X-6: one answer, whole."""
    network = Network(market(location()))
    dock(network).list_offers()
    (sent,) = network.sent
    assert (sent.path, sent.query, sent.body) == ("/api/v2/locations", {}, None)
