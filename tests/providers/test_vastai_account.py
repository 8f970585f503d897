"""Balance and charges at Vast.ai: whole pages, whole micro-dollars, or an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
)
from tests.providers.stub import Answer, Network, Sent, StoppedClock, Turns
from tests.providers.vastai_shapes import (
    HTML_502,
    LABEL,
    NO_RIGHT,
    RESET,
    THROTTLED,
    bill,
    charge_row,
    error,
    vast,
)

NOON = datetime(2026, 2, 7, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def charged(*steps: Any, clock: StoppedClock | None = None) -> list[Any]:
    return list(vast(Network(*steps), clock=clock).charges(NOON - DAY, NOON))


def test_the_credit_is_the_balance_and_the_balance_is_not() -> None:
    account = Answer({"id": 1, "credit": 28.25, "balance": -12.0, "email": "a@b.c"})
    network = Network(account)
    assert vast(network).balance() == 28_250_000
    assert network.methods() == ["GET /api/v0/users/current/"]


@pytest.mark.parametrize(
    ("credit", "left"), [(0, 0), (-0.5, -500_000), (1e-7, 0), ("7.5", 7_500_000)]
)
def test_a_debt_is_below_zero_and_text_is_read_as_it_is_written(credit: Any, left: int) -> None:
    assert vast(Network(Answer({"credit": credit}))).balance() == left


@pytest.mark.parametrize(
    "body",
    [{}, {"credit": None}, {"credit": True}, {"credit": "much"}, {"credit": [1]}, [], "null"],
)
def test_an_account_without_its_credit_is_an_error(body: Any) -> None:
    with pytest.raises(BadProviderReply):
        vast(Network(Answer(body))).balance()


def test_a_key_without_the_right_to_see_the_account_is_told_as_such() -> None:
    with pytest.raises(ProviderAuth):
        vast(Network(NO_RIGHT)).balance()


def test_an_entry_becomes_a_charge_in_our_units() -> None:
    (charge,) = charged(bill([charge_row()]))
    assert (charge.instance_id, charge.label) == ("33402296", LABEL)
    assert charge.amount_microusd == 38_421_000
    assert charge.start == datetime(2024, 11, 1, tzinfo=UTC)
    assert charge.end == datetime(2024, 11, 4, tzinfo=UTC)


def test_the_first_day_is_asked_for_from_its_midnight_because_entries_are_stamped_there() -> None:
    network = Network(bill([]))
    local = timezone(timedelta(hours=-9))
    vast(network).charges(NOON.astimezone(local), NOON + timedelta(hours=1))
    asked = json.loads(network.sent[0].query["select_filters"])
    midnight = int(datetime(2026, 2, 7, tzinfo=UTC).timestamp())
    assert asked == {
        "day": {"gte": midnight, "lte": midnight + 13 * 3_600},
        "type": {"in": ["instance"]},
    }
    assert network.sent[0].query["limit"] == "100"


def test_every_page_is_asked_for_by_the_token_of_the_one_before() -> None:
    """QA-H1: each in the line of its endpoint."""
    rows = [charge_row(source=f"instance-{number}") for number in range(1, 6)]
    turns = Turns()
    network = Network(bill(rows[:2], 5, "t1"), bill(rows[2:4], 5, "t2"), bill(rows[4:], 5))
    found = vast(network, turns=turns).charges(NOON - DAY, NOON)
    assert [one.instance_id for one in found] == ["1", "2", "3", "4", "5"]
    assert [one.query.get("after_token") for one in network.sent] == [None, "t1", "t2"]
    assert turns.asked == [("charges", Turn.USUAL)] * 3


def test_a_bill_that_changed_between_two_pages_is_fetched_once_more() -> None:
    rows = [charge_row(source=f"instance-{number}") for number in range(1, 4)]
    moved = (bill(rows[:2], 2, "t1"), bill(rows[1:], 3))
    assert len(charged(*moved, bill(rows[:2], 3, "t1"), bill(rows[2:], 3))) == 3
    with pytest.raises(BadProviderReply):
        charged(*moved, *moved)


ROW = charge_row()


@pytest.mark.parametrize(
    "second",
    [
        HTML_502,
        THROTTLED[0],
        error("internal", "no", 400),
        bill([ROW], 5, None),
        bill([ROW], 2, "t1"),
        bill([], 2, "t2"),
        bill([ROW], -1),
        Answer({"success": True, "results": [ROW], "next_token": None}),
        Answer({"success": True, "results": [ROW], "total": "2", "next_token": None}),
        Answer({"success": True, "results": None, "total": 2}),
        Answer({"success": False, "results": [ROW], "total": 2, "next_token": None}),
        Answer({"success": True, "results": [ROW], "total": 2, "next_token": 7}),
        Answer("", 200),
        RESET,
    ],
)
def test_a_later_page_that_is_missing_or_bad_is_an_error_and_never_a_part(second: Any) -> None:
    """QA-H1"""

    def page(sent: Sent) -> Answer:
        if "after_token" not in sent.query:
            return bill([ROW], 2, "t1")
        if isinstance(second, Exception):
            raise second
        return second if isinstance(second, Answer) else second(sent)

    with pytest.raises(ProviderError):
        charged(page)


def test_pages_that_are_fewer_rows_than_their_total_are_an_error() -> None:
    """QA-H1"""
    short = (bill([ROW], 3, "t1"), bill([ROW], 3))
    with pytest.raises(BadProviderReply):
        charged(*short, *short)


def test_empty_pages_with_ever_new_tokens_are_an_error_and_no_endless_walk() -> None:
    """QA-H1"""
    pages = 0

    def empty(_sent: Sent) -> Answer:
        nonlocal pages
        pages += 1
        assert pages < 10
        return bill([], 5, f"t{pages}")

    with pytest.raises(BadProviderReply):
        charged(empty)


@pytest.mark.parametrize(
    "change",
    [
        {"source": "instance-0"},
        {"source": "instance-12x"},
        {"source": "volume-12"},
        {"source": None},
        {"amount": None},
        {"amount": "a lot"},
        {"amount": True},
        {"start": None},
        {"start": "2026-02-07"},
        {"end": 1e300},
        {"end": -1e12},
        {"end": 1730419199},
        {"type": None},
    ],
)
def test_money_that_cannot_be_read_is_an_error_and_never_left_out(change: dict[str, Any]) -> None:
    with pytest.raises(BadProviderReply):
        charged(bill([charge_row(**change)]))


def test_what_is_billed_for_other_things_is_left_out() -> None:
    volume = charge_row(type="volume", source="volume-9")
    assert len(charged(bill([volume, charge_row()]))) == 1


@pytest.mark.parametrize(
    ("amount", "microusd"), [(0.0071234, 7_123), (0, 0), (-1.25, -1_250_000), ("0.5", 500_000)]
)
def test_amounts_are_whole_micro_dollars_and_corrections_are_negative(
    amount: Any, microusd: int
) -> None:
    assert charged(bill([charge_row(amount=amount)]))[0].amount_microusd == microusd


@pytest.mark.parametrize("metadata", [None, {}, [], {"label": None}, {"label": 5}])
def test_an_entry_without_a_label_is_an_entry(metadata: Any) -> None:
    assert charged(bill([charge_row(metadata=metadata)]))[0].label is None


def test_a_provider_that_is_down_tells_no_bill() -> None:
    with pytest.raises(ProviderUnavailable):
        charged(HTML_502)
