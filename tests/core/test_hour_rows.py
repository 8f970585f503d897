"""What a session costs by the hour: the contract's examples, and that rows never drift."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.costs import added_up, hour_rows, session_cost, with_price
from gpu_shopper.core.instants import from_text
from gpu_shopper.core.session import Attempt, EarlierPrice
from tests.builders import NOON, a_session, an_attempt, later


def _at(clock: str) -> datetime:
    return from_text(f"2026-02-07T{clock}Z")


def _attempt(launched: str, ended: str, microusd_per_hour: int, **more: Any) -> Attempt:
    return an_attempt(
        launched_at=_at(launched),
        ended_at=_at(ended),
        price_microusd_per_hour=microusd_per_hour,
        **more,
    )


def _rows(*attempts: Attempt, through: datetime = NOON) -> list[tuple[int, int, int]]:
    """(hour of the day, seconds, micro-dollars) of each row."""
    rows = hour_rows(a_session(attempts=attempts), through)
    return [(row.hour.hour, row.seconds, row.microusd) for row in rows]


@pytest.mark.parametrize(
    ("attempts", "rows"),
    [
        ([("10:59:00", "11:01:30", 360_000)], [(10, 60, 6_000), (11, 90, 9_000)]),
        ([("10:59:59", "11:00:02", 1_000_000)], [(10, 1, 278), (11, 2, 555)]),
        (
            [("10:00:00", "10:10:00", 500_000), ("10:20:00", "10:50:00", 600_000)],
            [(10, 2_400, 383_333)],
        ),
        ([("10:00:00", "11:00:00", 360_000)], [(10, 3_600, 360_000)]),
        ([("10:00:00", "11:00:00.001", 360_000)], [(10, 3_600, 360_000), (11, 1, 100)]),
        ([("10:00:00", "10:00:00", 360_000)], []),
        ([("10:00:07", "10:00:07", 360_000)], []),
    ],
)
def test_the_contracts_examples_make_their_rows(
    attempts: list[tuple[str, str, int]], rows: list[tuple[int, int, int]]
) -> None:
    """N-40, BUG-064: one row for each hour with a billed second, its amount in micro-dollars."""
    assert _rows(*(_attempt(*one) for one in attempts)) == rows


def test_a_launch_that_rented_nothing_has_no_row() -> None:
    """N-41, X-10, BUG-064: and the failed attempt that rented a machine has one."""
    refused = an_attempt(launched_at=None, instance_id=None, ended_at=later(50))
    failed = an_attempt(number=2, ended_at=later(90))
    assert _rows(refused, through=later(900)) == []
    assert _rows(refused, failed, through=later(900)) == [(12, 90, 10_000)]


def test_a_live_machine_is_billed_up_to_the_instant_asked_for() -> None:
    assert _rows(an_attempt(), through=later(-1)) == []
    assert _rows(an_attempt(), through=NOON) == []
    assert _rows(an_attempt(), through=later(0.1)) == [(12, 1, 111)]
    assert _rows(an_attempt(), through=later(3_599.2)) == [(12, 3_600, 400_000)]


def test_the_rows_hours_are_those_of_utc_also_over_midnight() -> None:
    launched, ended = from_text("2026-02-07T23:59:58Z"), from_text("2026-02-08T00:00:01Z")
    session = a_session(attempts=(an_attempt(launched_at=launched, ended_at=ended),))
    first, second = hour_rows(session, NOON)
    assert first.hour == from_text("2026-02-07T23:00:00Z")
    assert second.hour == from_text("2026-02-08T00:00:00Z")
    assert (first.seconds, second.seconds) == (2, 1)


def test_attempts_on_different_gpus_share_a_row_and_are_told_apart_in_it() -> None:
    """N-42: the breakdowns of a row add up to it."""
    cheap = _attempt("10:00:00", "10:10:00", 600_000)
    other = _attempt("10:10:00", "10:15:00", 1_200_000, gpu_type="H100", provider="tensordock")
    again = _attempt("10:20:00", "10:30:00", 600_000)
    (row,) = hour_rows(a_session(attempts=(cheap, other, again)), NOON)
    assert [(one.provider, one.gpu_type, one.seconds, one.microusd) for one in row.shares] == [
        ("tensordock", "H100", 300, 100_000),
        ("vastai", "RTX 4090", 1_200, 200_000),
    ]
    assert (row.seconds, row.microusd) == (1_500, 300_000)


def test_the_first_reported_price_holds_from_the_start_and_a_change_from_when_it_is_seen() -> None:
    """N-41: the provider's price counts, learnt late from the start, changed from then on."""
    offered = an_attempt()
    reported = with_price(offered, 500_000, later(600))
    assert (reported.price_microusd_per_hour, reported.price_source) == (500_000, "provider")
    assert _rows(reported, through=later(3_600)) == [(12, 3_600, 500_000)]
    changed = with_price(reported, 300_000, later(1_800.5))
    assert _rows(changed, through=later(1_800)) == [(12, 1_800, 250_000)]
    assert _rows(changed, through=later(3_600)) == [(12, 3_600, 400_000)]
    assert _rows(changed, through=later(7_200))[1] == (13, 3_600, 300_000)


def test_a_price_that_is_unknown_or_the_same_changes_nothing() -> None:
    reported = with_price(an_attempt(), 500_000, NOON)
    assert with_price(reported, None, later(60)) == reported
    assert with_price(reported, 500_000, later(60)) == reported
    assert with_price(an_attempt(), None, later(60)) == an_attempt()


_SECONDS = st.integers(0, 80_000)
_PRICES = st.integers(1, 40_000_000)


@st.composite
def _attempts(draw: st.DrawFn) -> Attempt:
    start_s = draw(_SECONDS)
    lasted_s = draw(_SECONDS)
    changes = sorted(draw(st.lists(st.integers(0, 90_000), max_size=4)))
    earlier = tuple(
        EarlierPrice(microusd_per_hour=draw(_PRICES), until=later(start_s + at)) for at in changes
    )
    return an_attempt(
        launched_at=later(start_s),
        ended_at=draw(st.sampled_from([None, later(start_s + lasted_s)])),
        price_microusd_per_hour=draw(_PRICES),
        earlier_prices=earlier,
        gpu_type=draw(st.sampled_from(["RTX 4090", "H100"])),
    )


@given(st.lists(_attempts(), max_size=3), st.integers(0, 200_000))
def test_rows_sum_to_the_total_whatever_the_prices(attempts: list[Attempt], through_s: int) -> None:
    """N-40, N-42: and no row exceeds its hour for each attempt, nor is one empty."""
    session, through = a_session(attempts=tuple(attempts)), later(through_s)
    rows = hour_rows(session, through)
    assert sum(row.microusd for row in rows) == session_cost(session, through)
    assert all(0 < row.seconds <= 3_600 * len(attempts) for row in rows)
    assert [row.hour for row in rows] == sorted({row.hour for row in rows})
    assert sum(one.seconds for one in added_up(s for r in rows for s in r.shares)) == sum(
        row.seconds for row in rows
    )


@given(_attempts(), st.integers(0, 100_000), st.integers(0, 100_000))
def test_an_hour_that_is_over_keeps_its_amount(attempt: Attempt, a_s: int, b_s: int) -> None:
    """N-42: hours missed and caught up, early and late: the same rows."""
    session = a_session(attempts=(attempt,))
    early, late = sorted((later(a_s), later(b_s)))
    over = [row for row in hour_rows(session, early) if row.hour + timedelta(hours=1) <= early]
    assert hour_rows(session, late)[: len(over)] == tuple(over)


@given(st.integers(1, 40_000_000), st.integers(1, 86_400))
def test_the_total_is_within_a_micro_dollar_of_price_times_time(price: int, seconds: int) -> None:
    """N-40: the sum of the rows differs from price x seconds / 3600 by less than 1 micro-dollar."""
    attempt = an_attempt(price_microusd_per_hour=price, ended_at=later(seconds))
    total = sum(row.microusd for row in hour_rows(a_session(attempts=(attempt,)), NOON))
    assert abs(total * 3_600 - price * seconds) < 3_600
