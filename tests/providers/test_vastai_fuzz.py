"""Any answer at all: only provider errors come out, and garbage is never read as absence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_shopper.core.instances import Instance, Launched
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.templates import Template
from gpu_shopper.errors.provider import (
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderError,
    RentedDespiteError,
)
from gpu_shopper.providers.redaction import LOG_CHARS
from gpu_shopper.providers.vastai import VastAi
from tests.providers.stub import Answer, Network
from tests.providers.vastai_shapes import (
    LOGS,
    bill,
    charge_row,
    instance_row,
    launch_request,
    offer_row,
    page,
    template_row,
    vast,
)

ID = "33402296"
YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
OURS = [
    "credit",
    "results",
    "total",
    "type",
    "instance",
    "result_url",
    "success",
    "error",
    "msg",
    "instances",
    "offers",
    "new_contract",
    "total_instances",
]
TEMPLATES = ["templates", "templates_found", "recommended", "hash_id"]
WORDS = [
    *OURS,
    *TEMPLATES,
    "next_token",
    "id",
    "label",
    "no_such_ask",
    "no_such_instance",
    "not_found",
    ID,
]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(WORDS),
    st.just(int(ID)),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
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
    try:
        found = vast(Network(answer)).find(ID)
    except ProviderError:
        return
    if found is None:
        body = json.loads(answer.raw())
        null = answer.status == 200 and body["instances"] is None and not body.get("error")
        gone = answer.status == 404 and body["error"] in ("no_such_instance", "not_found")
        assert null or gone
    else:
        assert found.id == ID


@given(answers)
def test_a_listing_is_whole_or_raises(answer: Answer) -> None:
    try:
        found = vast(Network(answer)).list_instances()
    except ProviderError:
        return
    body = json.loads(answer.raw())
    assert answer.status == 200
    assert len(found) == body["total_instances"] == len(body["instances"])


@given(answers)
def test_a_launch_is_a_refusal_only_when_the_answer_names_no_instance(answer: Answer) -> None:
    network = Network(answer)
    result = outcome(network)
    assert len(network.sent) <= 2
    if isinstance(result, Launched | RentedDespiteError):
        assert result.instance_id == str(json.loads(answer.raw())["new_contract"])
    if isinstance(result, OfferGone | NoCapacity | LaunchRejected):
        body = json.loads(answer.raw())
        assert body.get("new_contract") is None
        assert body.get("success") is not True


def outcome(network: Network) -> Launched | ProviderError:
    try:
        return vast(network).launch(launch_request(ssh_public_keys=()))
    except ProviderError as exc:
        return exc


@given(answers)
def test_a_launch_that_got_a_server_error_or_no_json_is_never_a_refusal(answer: Answer) -> None:
    try:
        refused = json.loads(answer.raw())
    except ValueError:
        refused = None
    if isinstance(refused, dict) or answer.status in (401, 403, 429):
        return
    with pytest.raises(LaunchUncertain):
        vast(Network(answer)).launch(launch_request())


@given(answers)
def test_offers_are_offers_or_an_error(answer: Answer) -> None:
    try:
        found = vast(Network(answer)).list_offers()
    except ProviderError:
        return
    assert answer.status == 200
    assert isinstance(json.loads(answer.raw())["offers"], list)
    assert all(isinstance(one, Offer) for one in found)


@given(answers)
def test_a_terminate_is_silent_only_when_accepted_or_gone(answer: Answer) -> None:
    try:
        vast(Network(answer)).terminate(ID)
    except ProviderError:
        return
    body = json.loads(answer.raw())
    accepted = answer.status == 200 and body.get("success", True) is True
    assert accepted or body["error"] in ("no_such_instance", "not_found")


@given(answers)
def test_a_balance_is_what_was_said_or_an_error(answer: Answer) -> None:
    try:
        left = vast(Network(answer)).balance()
    except ProviderError:
        return
    assert type(left) is int
    assert abs(left - float(json.loads(answer.raw())["credit"]) * 1_000_000) <= 0.51


@given(answers)
def test_a_bill_is_whole_or_raises(answer: Answer) -> None:
    try:
        found = vast(Network(answer)).charges(*YEAR)
    except ProviderError:
        return
    body = json.loads(answer.raw())
    others = sum(row["type"] != "instance" for row in body["results"])
    assert answer.status == 200
    assert len(found) + others == body["total"] == len(body["results"])


@given(st.sampled_from(sorted(charge_row())), values)
def test_any_value_in_any_column_of_a_charge_is_read_or_an_error(column: str, value: Any) -> None:
    try:
        found = vast(Network(bill([charge_row(**{column: value})]))).charges(*YEAR)
    except ProviderError:
        return
    assert [type(one.amount_microusd) for one in found] in ([int], [])


@given(answers, answers)
def test_logs_are_short_printable_lines_or_an_error(asked: Answer, written: Answer) -> None:
    try:
        text = vast(Network(asked, written)).logs(ID)
    except ProviderError:
        return
    assert len(text) <= LOG_CHARS
    assert all(line.isprintable() for line in text.split("\n"))


@given(answers)
def test_whatever_is_put_where_the_logs_are_is_shown_as_text(written: Answer) -> None:
    try:
        text = vast(Network(LOGS, written)).logs(ID)
    except ProviderError:
        assert written.status != 200
        return
    assert all(line.isprintable() for line in text.split("\n"))


@given(st.sampled_from(sorted(offer_row())), values)
def test_any_value_in_any_column_of_an_offer_is_read_or_skipped(column: str, value: Any) -> None:
    rows = [offer_row(id=number) for number in range(1, 10)]
    rows[4][column] = value
    found = vast(Network(Answer({"offers": rows}))).list_offers()
    assert 8 <= len(found) <= 9
    for offer in found:
        assert offer.price_microusd_per_hour > 0
        assert offer.gpu_type
        json.dumps(offer.location + offer.gpu_name_raw, ensure_ascii=False).encode()


@given(st.sampled_from(sorted({*instance_row()} - {"id", "label"})), values)
def test_any_value_in_any_other_column_of_an_instance_leaves_it_listed(
    column: str, value: Any
) -> None:
    found = vast(Network(page([instance_row(**{column: value})]))).list_instances()
    assert [one.id for one in found] == [ID]
    assert isinstance(found[0], Instance)


@given(answers)
def test_templates_are_templates_or_an_error(answer: Answer) -> None:
    try:
        found = vast(Network(answer)).list_templates()
    except ProviderError:
        return
    assert answer.status == 200
    assert all(isinstance(one, Template) for one in found)


@given(values)
def test_any_value_in_any_column_of_a_template_is_read_or_skipped(value: Any) -> None:
    odd = [template_row(**{column: value}) for column in template_row()]
    rows = [*odd, *[template_row()] * 90]
    found = vast(Network(Answer({"templates": rows}))).list_templates()
    assert len(found) >= 90
    for template in found:
        repr(template).encode()


@settings(max_examples=25)
@given(st.integers(1_000, 60_000), st.sampled_from(["[", '{"a":', "1", " ", "\x00"]))
def test_deep_and_long_answers_are_errors(count: int, piece: str) -> None:
    answer = Answer(piece * count)
    calls: list[Callable[[VastAi], object]] = [
        lambda adapter: adapter.find(ID),
        lambda adapter: adapter.list_instances(),
        lambda adapter: adapter.list_offers(),
        lambda adapter: adapter.list_templates(),
        lambda adapter: adapter.terminate(ID),
        lambda adapter: adapter.balance(),
        lambda adapter: adapter.charges(*YEAR),
        lambda adapter: adapter.logs(ID),
    ]
    for call in calls:
        with pytest.raises(ProviderError):
            call(vast(Network(answer)))
