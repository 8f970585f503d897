"""Rows of what was compared: which of two stands, and what they add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gpu_shopper.core.comparing import Basis, Compared, Total, news, total
from tests.builders import NOON, SESSION_ID, later

DAY = date(2026, 2, 7)


def a_row(booked: int, charged: int | None, rounding: int = 0, proof: int = 0) -> Compared:
    return Compared(
        day=DAY,
        provider="vastai",
        session_id=SESSION_ID,
        consumer_id="alice",
        booked_microusd=booked,
        charged_microusd=charged,
        rounding_microusd=rounding,
        proof_microusd=proof,
        basis=Basis.CHARGES,
        compared_at=NOON,
    )


@pytest.mark.parametrize(
    ("stands", "found", "charged"),
    [
        ((0, 100), (60, 120), 120),
        ((60, 120), (0, 100), None),
        ((60, 120), (0, None), None),
        ((0, None), (60, 120), 120),
        ((60, None), (0, 100), 100),
        ((60, None), (0, None), None),
    ],
)
def test_of_two_readings_the_later_one_stands_whoever_writes_last(
    stands: tuple[float, int | None], found: tuple[float, int | None], charged: int | None
) -> None:
    """None: nothing is written, for what stands there says more."""
    old = replace(a_row(1, stands[1]), compared_at=later(stands[0]), version=3)
    row = replace(a_row(1, found[1]), compared_at=later(found[0]))
    over = news([old], [row])
    assert [one.charged_microusd for one in over] == ([] if charged is None else [charged])
    assert [one.version for one in over] == [3] * len(over)


def test_a_run_that_reads_nothing_brings_only_what_is_booked() -> None:
    """The charge stays as old as it is: a run in between that has read it knows better."""
    known = replace(a_row(1, 100), version=3)
    unread = replace(a_row(2, None), compared_at=later(60))
    (row,) = news([known], [unread])
    assert row == replace(known, booked_microusd=2)
    assert news([row], [unread]) == []
    (better,) = news([row], [replace(a_row(1, 110), compared_at=later(30))])
    assert better.charged_microusd == 110


@pytest.mark.parametrize(
    ("rows", "bp"),
    [
        ([], None),
        ([a_row(1_000_000, None)], None),
        ([a_row(1_000_000, 1_010_000)], 100),
        ([a_row(1_000_000, 1_010_100)], 101),
        ([a_row(1_000_000, 989_900)], 101),
        ([a_row(1_000_000, 1_015_000, rounding=5_000)], 100),
        ([a_row(1_000_000, 1_005_000, rounding=5_000)], 0),
        ([a_row(1_000_000, 985_000, rounding=5_000, proof=2_000)], 80),
        ([a_row(1_000_000, 993_000, rounding=5_000, proof=2_000)], 0),
        ([a_row(1_000_000, 1_015_000, rounding=5_000, proof=2_000)], 100),
        ([a_row(1_000_000, 900_000), a_row(1_000_000, 1_100_000)], 0),
        ([a_row(1_000_000, 1_000_000), a_row(9_000_000, None)], 0),
        ([a_row(0, 1)], 10_000),
        ([a_row(0, 0)], 0),
    ],
)
def test_the_drift_is_the_difference_beyond_rounding(rows: list[Compared], bp: int | None) -> None:
    """1 % is 100; what is unknown neither adds to it nor hides it."""
    assert total(rows).drift_bp == bp


def test_what_is_charged_and_was_never_booked_is_counted_apart() -> None:
    rows = [a_row(0, 5_001, 5_000), a_row(0, 5_000, 5_000), a_row(0, None), a_row(1, 9_999)]
    assert total(rows).unbooked == 1
    assert (total(rows) + total(rows)).unbooked == 2


def test_what_is_booked_of_the_unknown_is_told_apart() -> None:
    told = total([a_row(1_000_000, 1_000_000), a_row(300_000, None)])
    assert told == Total(
        sessions=2,
        booked_microusd=1_000_000,
        charged_microusd=1_000_000,
        unknown=1,
        unknown_booked_microusd=300_000,
    )
