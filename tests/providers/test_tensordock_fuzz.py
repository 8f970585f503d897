"""Any answer at all: only provider errors come out, and garbage is never read as absence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_shopper.core.instances import Instance, Launched
from gpu_shopper.core.offers import Offer
from gpu_shopper.errors.provider import (
    LaunchRejected,
    NoCapacity,
    OfferGone,
    ProviderError,
    RentedDespiteError,
)
from gpu_shopper.providers.port import TellsBalance
from gpu_shopper.providers.tensordock import TensorDock
from tests.providers.stub import Answer, Network
from tests.providers.tensordock_shapes import (
    ID,
    dock,
    gpu_row,
    instance_row,
    launch_request,
    lists,
    location,
    market,
)

KEYS = [
    "balance",
    "data",
    "status",
    "error",
    "message",
    "id",
    "name",
    "instances",
    "attributes",
    "success",
]
WORDS = [*KEYS, "deleted", "running", "No available nodes found", "Instance not found", ID]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(WORDS),
    st.sampled_from([400, 404, 500]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    ),
    max_leaves=20,
)
texts = values.map(json.dumps)
cut_texts = st.tuples(texts, st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
bodies = st.one_of(texts, cut_texts, st.text(max_size=200), st.binary(max_size=200))
statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 429, 500])
answers = st.builds(Answer, bodies, statuses)


@given(answers)
def test_a_lookup_never_takes_garbage_for_absence(answer: Answer) -> None:
    """X-2: gone only when the body says so."""
    try:
        found = dock(Network(answer)).find(ID)
    except ProviderError:
        return
    if found is not None:
        assert found.id == ID
        return
    text = answer.raw().decode()
    said = "Instance not found" in text and "404" in f"{answer.status} {text}"
    assert said or (ID in text and "deleted" in text)


@given(answers)
def test_a_listing_is_whole_or_raises(answer: Answer) -> None:
    """X-2: an empty list is one that was sent empty."""
    try:
        found = dock(Network(answer)).list_instances()
    except ProviderError:
        return
    body = json.loads(answer.raw())
    data = body["data"]
    inner = data.get("attributes", data) if isinstance(data, dict) else data
    rows = inner["instances"] if isinstance(inner, dict) else inner
    assert answer.status == 200
    assert not body.get("error")
    assert len(found) <= len(rows)
    assert len(found) == len(rows) or "deleted" in json.dumps(rows)


@given(answers)
def test_a_launch_is_a_refusal_only_when_the_answer_names_no_instance(answer: Answer) -> None:
    network = Network(answer)
    result = outcome(network)
    assert len(network.sent) <= 2
    if isinstance(result, Launched | RentedDespiteError):
        body = json.loads(answer.raw())
        assert result.instance_id in (body.get("id"), (body.get("data") or {}).get("id"))
    if isinstance(result, NoCapacity | OfferGone | LaunchRejected):
        assert b'"id"' not in answer.raw()
        assert re.search(rb'"(error|message|detail|msg|code)"', answer.raw())


def outcome(network: Network) -> Launched | ProviderError:
    try:
        return dock(network).launch(launch_request())
    except ProviderError as exc:
        return exc


@given(answers)
def test_offers_are_offers_or_an_error(answer: Answer) -> None:
    try:
        found = dock(Network(answer)).list_offers()
    except ProviderError:
        return
    assert answer.status == 200
    assert isinstance(json.loads(answer.raw())["data"]["locations"], list)
    assert all(isinstance(one, Offer) for one in found)


@given(answers)
def test_a_terminate_is_silent_only_when_accepted_or_gone(answer: Answer) -> None:
    try:
        dock(Network(answer)).terminate(ID)
    except ProviderError:
        return
    empty = not answer.raw().strip() and answer.status in (200, 204, 404)
    accepted = answer.status == 200 and isinstance(json.loads(answer.raw().strip() or b"0"), dict)
    assert empty or accepted or b"Instance not found" in answer.raw()


@given(answers)
def test_a_balance_is_what_was_said_or_an_error(answer: Answer) -> None:
    provider = dock(Network(answer))
    assert isinstance(provider, TellsBalance)
    try:
        left = provider.balance()
    except ProviderError:
        return
    body = json.loads(answer.raw())
    assert answer.status == 200
    assert body["success"] is True
    assert left is not None
    assert abs(left - float(body["balance"]) * 1_000_000) <= 0.51


@given(st.sampled_from(sorted(gpu_row())), values)
def test_any_value_in_any_column_of_a_gpu_row_is_read_or_skipped(column: str, value: Any) -> None:
    rows = [gpu_row(v0Name=f"l4-pcie-{size}gb", max_count=1) for size in range(20, 29)]
    rows[4][column] = value
    found = dock(Network(market(location(*rows)))).list_offers()
    assert len(found) >= 8
    for offer in found:
        assert offer.price_microusd_per_hour > 0
        assert offer.gpu_type
        json.dumps(offer.id + offer.gpu_name_raw, ensure_ascii=False).encode()


@given(st.sampled_from(["city", "stateprovince", "country", "tier"]), values)
def test_any_value_in_a_column_of_a_location_leaves_its_offers(column: str, value: Any) -> None:
    found = dock(Network(market(location(**{column: value})))).list_offers()
    assert len(found) == 2
    json.dumps(found[0].location, ensure_ascii=False).encode()


@given(
    st.sampled_from(sorted({*instance_row()} - {"id", "name", "status"})),
    values,
    st.integers(0, 2),
)
def test_any_value_in_any_other_column_of_an_instance_leaves_it_listed(
    column: str, value: Any, shape: int
) -> None:
    answer = lists(instance_row(**{column: value}))[shape]
    found = dock(Network(answer)).list_instances()
    assert [one.id for one in found] == [ID]
    assert isinstance(found[0], Instance)


@settings(max_examples=25)
@given(st.integers(1_000, 60_000), st.sampled_from(["[", '{"a":', "1", "\x00"]))
def test_deep_and_long_answers_are_errors(count: int, piece: str) -> None:
    answer = Answer(piece * count)
    calls: list[Callable[[TensorDock], object]] = [
        lambda adapter: adapter.find(ID),
        lambda adapter: adapter.list_instances(),
        lambda adapter: adapter.list_offers(),
        lambda adapter: adapter.terminate(ID),
    ]
    for call in calls:
        with pytest.raises(ProviderError):
            call(dock(Network(answer)))
