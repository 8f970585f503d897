"""What a balance says about a launch."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.balances import Balance, Funds, funds_for
from gpu_shopper.core.settings import Settings
from tests.builders import NOON

SETTINGS = Settings()
AMOUNTS = st.integers(-100_000_000, 100_000_000)
PRICES = st.integers(1, 50_000_000)


def funds(left: int, price: int, age_s: float = 0, settings: Settings = SETTINGS) -> Funds:
    read = Balance(left_microusd=left, read_at=NOON)
    return funds_for(read, price, NOON + timedelta(seconds=age_s), settings)


@pytest.mark.parametrize(
    ("left", "age_s", "said"),
    [
        (400_000, 0, Funds.ENOUGH),
        (399_999, 0, Funds.TOO_LITTLE),
        (0, 60, Funds.TOO_LITTLE),
        (0, 60.001, Funds.UNSURE),
        (4_999_999, 61, Funds.UNSURE),
        (5_000_000, 1_000_000, Funds.ENOUGH),
    ],
)
def test_one_hour_of_the_price_must_be_left(left: int, age_s: float, said: Funds) -> None:
    assert funds(left, 400_000, age_s) is said


def test_a_dear_machine_needs_more_than_the_five_dollars_of_the_warning() -> None:
    assert funds(7_999_999, 8_000_000) is Funds.TOO_LITTLE
    assert funds(7_999_999, 8_000_000, 61) is Funds.UNSURE
    assert funds(8_000_000, 8_000_000, 61) is Funds.ENOUGH


@given(AMOUNTS, PRICES, st.integers(0, 10_000))
def test_only_a_fresh_reading_of_too_little_refuses(left: int, price: int, age_s: int) -> None:
    refused = funds(left, price, age_s) is Funds.TOO_LITTLE
    assert refused == (left < price and age_s <= 60)


@given(PRICES)
def test_what_is_unknown_is_not_zero(price: int) -> None:
    assert funds_for(None, price, NOON, SETTINGS) is Funds.ENOUGH


@given(AMOUNTS, PRICES)
def test_no_hours_refuse_nothing(left: int, price: int) -> None:
    assert funds(left, price, settings=Settings(balance_least_hours=0)) is Funds.ENOUGH


@given(AMOUNTS, PRICES)
def test_hours_are_those_of_the_setting(left: int, price: int) -> None:
    two = funds(left, price, settings=Settings(balance_least_hours=2))
    assert (two is Funds.TOO_LITTLE) == (left < 2 * price)
