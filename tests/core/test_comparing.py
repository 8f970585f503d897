"""Our ledger beside a provider's charges: what belongs to a day, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.charges import Charge, part_on
from gpu_shopper.core.comparing import Basis, Sheet, by_charges, by_price, machines_of, news, total
from gpu_shopper.core.costs import Stray, day_shares, hour_rows
from gpu_shopper.core.labels import Label
from gpu_shopper.core.session import Attempt, EarlierPrice
from tests.builders import DEPLOYMENT, NOON, SESSION_ID, a_session, an_attempt, later

DAY = date(2026, 2, 7)
MIDNIGHT = NOON - timedelta(hours=12)
OTHER = "00000000-0000-4000-8000-00000000000b"
AMOUNTS = st.integers(-10_000_000, 1_000_000_000)
INSTANTS = st.integers(0, 5 * 86_400_000_000).map(lambda us: MIDNIGHT + timedelta(microseconds=us))


def a_charge(**changes: Any) -> Charge:
    """An hour from NOON of the first attempt's machine, for $0.40."""
    charge = Charge(
        instance_id="5001",
        label=str(Label(DEPLOYMENT, SESSION_ID, 1)),
        start=NOON,
        end=later(3_600),
        amount_microusd=400_000,
    )
    return replace(charge, **changes)


def a_machine(**changes: Any) -> Attempt:
    return an_attempt(**{"ended_at": later(3_600), "price_source": "provider"} | changes)


def sheet(*machines: Attempt, booked: int = 400_000, day: date = DAY) -> Sheet:
    return Sheet(
        day=day,
        provider="vastai",
        booked={SESSION_ID: booked},
        machines={SESSION_ID: machines or (a_machine(),)},
        consumers={SESSION_ID: "alice"},
    )


def charged(charges: Sequence[Charge] | None, *machines: Attempt) -> dict[str, int | None]:
    rows = by_charges(sheet(*machines), charges, DEPLOYMENT, later(86_400))
    return {row.session_id: row.charged_microusd for row in rows}


@given(st.tuples(INSTANTS, INSTANTS).map(sorted), AMOUNTS)
def test_the_days_of_an_entry_add_up_to_it(span: list[datetime], amount: int) -> None:
    charge = a_charge(start=span[0], end=span[1], amount_microusd=amount)
    days = [span[0].date() + timedelta(days=number) for number in range(7)]
    parts = [part for day in days if (part := part_on(charge, day)) is not None]
    assert sum(parts) == amount
    assert all(min(0, amount) <= part <= max(0, amount) for part in parts)


@pytest.mark.parametrize(
    ("start_s", "end_s", "part"),
    [
        (-3_600, 0, 400_000),
        (43_200, 46_800, None),
        (43_199.999999, 46_799.999999, 0),
        (39_600, 46_800, 200_000),
        (-46_800, -43_200, None),
        (43_200, 43_200, None),
        (0, 0, 400_000),
    ],
)
def test_an_entry_belongs_to_a_day_by_its_time(
    start_s: float, end_s: float, part: int | None
) -> None:
    """Noon is 43,200 s from either end of the day."""
    assert part_on(a_charge(start=later(start_s), end=later(end_s)), DAY) == part


def test_a_session_is_charged_what_the_entries_of_its_machines_say() -> None:
    refund = a_charge(amount_microusd=-50_000, label=None)
    assert charged([a_charge(), refund]) == {SESSION_ID: 350_000}


def test_charges_that_cannot_be_read_are_unknown_and_not_zero() -> None:
    assert charged(None) == {SESSION_ID: None}


def test_a_session_without_an_entry_is_unknown_and_not_zero() -> None:
    assert charged([]) == {SESSION_ID: None}


def test_a_session_of_which_one_machine_has_no_entry_is_unknown() -> None:
    second = a_machine(number=2, instance_id="5002")
    assert charged([a_charge()], a_machine(), second) == {SESSION_ID: None}
    both = [a_charge(), a_charge(instance_id="5002")]
    assert charged(both, a_machine(), second) == {SESSION_ID: 800_000}


def test_a_machine_with_our_label_that_is_booked_nowhere_is_shown() -> None:
    strange = a_charge(instance_id="6001", label=str(Label(DEPLOYMENT, OTHER, 1)))
    rows = by_charges(sheet(), [a_charge(), strange], DEPLOYMENT, NOON)
    found = {row.session_id: row for row in rows}
    assert (found[OTHER].booked_microusd, found[OTHER].charged_microusd) == (0, 400_000)
    assert found[OTHER].consumer_id is None


@pytest.mark.parametrize("label", [None, "somebody's", str(Label("zz99zz99", OTHER, 1))])
def test_machines_of_others_are_left_out(label: str | None) -> None:
    foreign = a_charge(instance_id="6001", label=label)
    assert charged([a_charge(), foreign]) == {SESSION_ID: 400_000}


def test_a_machine_whose_label_was_changed_is_still_the_sessions_own() -> None:
    assert charged([a_charge(label="renamed")]) == {SESSION_ID: 400_000}


def test_the_proof_of_an_end_costs_what_a_machine_costs_meanwhile() -> None:
    """One that still runs has no end to be proven."""
    running = a_machine(number=2, instance_id="5002", ended_at=None)
    (row,) = by_charges(sheet(a_machine(), running), [a_charge()], DEPLOYMENT, NOON, 90)
    assert row.proof_microusd == 10_000


CHARGES = st.lists(
    st.builds(
        a_charge,
        instance_id=st.sampled_from(("5001", "5002", "6001")),
        label=st.sampled_from((None, "x", str(Label(DEPLOYMENT, OTHER, 1)))),
        amount_microusd=AMOUNTS,
    ),
    max_size=8,
)


@given(CHARGES, st.randoms())
def test_neither_order_nor_repetition_changes_what_is_compared(
    charges: list[Charge], random: Any
) -> None:
    first = by_charges(sheet(), charges, DEPLOYMENT, NOON)
    shuffled = random.sample(charges, len(charges))
    again = by_charges(sheet(), shuffled, DEPLOYMENT, NOON)
    assert again == first
    assert news([], again) == first
    assert news(first, again) == []
    assert total(random.sample(first, len(first))) == total(first)


@given(CHARGES)
def test_what_was_known_stays_known_when_charges_cannot_be_read_later(
    charges: list[Charge],
) -> None:
    known = by_charges(sheet(), charges, DEPLOYMENT, NOON)
    later_on = by_charges(sheet(booked=500_000), None, DEPLOYMENT, later(60))
    (row,) = news(known, later_on)
    (old,) = [one for one in known if one.session_id == SESSION_ID]
    if old.charged_microusd is None:
        assert (row.charged_microusd, row.compared_at) == (None, later(60))
    else:
        assert row == replace(old, booked_microusd=500_000)
    assert row.booked_microusd == 500_000


@given(st.integers(0, 200_000_000), st.integers(1, 200_000_000), st.integers(1, 20_000_000))
def test_the_price_times_the_time_is_what_we_book_to_within_two_seconds(
    start_us: int, length_us: int, price: int
) -> None:
    """N-40: what we book is cut to whole seconds in our disfavour, once at each end."""
    start = NOON + timedelta(microseconds=start_us)
    machine = a_machine(
        launched_at=start,
        ended_at=start + timedelta(microseconds=length_us),
        price_microusd_per_hour=price,
    )
    shares = day_shares(hour_rows(a_session(attempts=(machine,)), later(86_400)))[DAY]
    booked = sum(share.microusd for share in shares)
    (row,) = by_price(sheet(machine, booked=booked), later(86_400))
    assert row.charged_microusd is not None
    assert row.basis is Basis.PRICE
    assert -1 <= booked - row.charged_microusd <= row.rounding_microusd + 1
    assert total([row]).drift_bp == 0 or booked < 4


def test_the_prices_that_were_in_force_count() -> None:
    earlier = (EarlierPrice(microusd_per_hour=100_000, until=later(1_800)),)
    (row,) = by_price(sheet(a_machine(earlier_prices=earlier)), later(86_400))
    assert row.charged_microusd == 50_000 + 200_000


@pytest.mark.parametrize(
    ("day", "part"), [(DAY, 20), (DAY + timedelta(days=1), 100), (DAY - timedelta(days=1), 0)]
)
def test_a_price_that_changed_at_midnight_counts_on_its_own_day(day: date, part: int) -> None:
    """12 h at $0.02/h less 2 h before the launch; then 1 h at $0.10."""
    machine = a_machine(
        launched_at=later(2 * 3_600),
        ended_at=later(13 * 3_600),
        price_microusd_per_hour=100,
        earlier_prices=(EarlierPrice(microusd_per_hour=2, until=later(43_200)),),
    )
    (row,) = by_price(sheet(machine, day=day), later(200_000))
    assert row.charged_microusd == part


def test_a_machine_that_still_runs_has_cost_up_to_now() -> None:
    (row,) = by_price(sheet(a_machine(ended_at=None)), later(900))
    assert row.charged_microusd == 100_000


@pytest.mark.parametrize("machines", [(), (a_machine(), a_machine(price_source="offer"))])
def test_a_price_that_the_provider_never_told_is_unknown(machines: tuple[Attempt, ...]) -> None:
    known = sheet()
    asked = replace(known, machines={SESSION_ID: machines} if machines else {})
    (row,) = by_price(asked, later(86_400))
    assert row.charged_microusd is None


def test_the_machines_of_a_day_are_those_that_were_billed_on_it() -> None:
    """Orphans included; a refused launch rented nothing."""
    attempts = (
        a_machine(number=1, instance_id="1", ended_at=MIDNIGHT, launched_at=later(-86_400)),
        a_machine(number=2, instance_id="2", ended_at=MIDNIGHT + timedelta(microseconds=1)),
        a_machine(number=3, instance_id="3", launched_at=later(43_199), ended_at=None),
        a_machine(number=4, instance_id="4", launched_at=later(43_200), ended_at=None),
        a_machine(number=5, instance_id="5", launched_at=None),
        a_machine(number=6, instance_id="6", provider="tensordock"),
    )
    attempts = (attempts[0], replace(attempts[1], launched_at=later(-86_400)), *attempts[2:])
    stray = Stray(
        attempt=1,
        provider="vastai",
        instance_id="7",
        gpu_type="RTX 4090",
        microusd_per_hour=400_000,
        since=NOON,
    )
    found = machines_of(a_session(attempts=attempts), [stray], "vastai", DAY)
    assert [one.instance_id for one in found] == ["2", "3", "7"]
