"""Once a day, what is booked is laid beside what the provider charges."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.comparing import Basis, Compared, Total
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.labels import Label
from gpu_shopper.core.states import State
from gpu_shopper.errors import BadProviderReply, ProviderAuth, ProviderError
from gpu_shopper.store import charges as store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store.charges import DayTotal
from gpu_shopper.usecases.charges import compare_charges, list_compared, totals_by_provider
from gpu_shopper.usecases.ledger import accrue
from tests.builders import DEPLOYMENT, SESSION_ID, a_session, an_attempt, later
from tests.fakes import FakeProvider
from tests.world import World

DAY = date(2026, 2, 7)
NEXT_MORNING = later(18 * 3_600)


@dataclass
class Charging(FakeProvider):
    """A provider that tells what it has charged, and remembers for which time it was asked."""

    bill: list[Charge] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    def charges(self, start: datetime, end: datetime) -> list[Charge]:
        self.spans.append((start, end))
        self._call("charges", "")
        return self.bill


@pytest.fixture
def vast(world: World) -> Charging:
    """Takes the place of the world's provider, the morning after."""
    charging = Charging()
    world.deps = replace(world.deps, provider=lambda _: charging)
    world.clock.at = NEXT_MORNING
    return charging


def ended(world: World, length_s: float = 3_600, number: int = 1, provider: str = "vastai") -> str:
    """A session of $0.40 an hour that began at noon and is booked; its id."""
    attempt = an_attempt(
        instance_id=f"500{number}",
        offer_id=f"{provider}-{number}",
        provider=provider,
        ended_at=later(length_s),
        price_source="provider",
        label="",
    )
    session = a_session(
        id=f"00000000-0000-4000-8000-00000000000{number}",
        version=1,
        state=State.STOPPED,
        stopped_at=later(length_s),
        attempts=(attempt,),
    )
    session_store.create(world.deps.sessions, session, session.expires_at)
    assert accrue(world.deps, session, later(length_s))
    return session.id


def charge(number: int = 1, amount: int = 400_000, length_s: float = 3_600) -> Charge:
    return Charge(
        instance_id=f"500{number}",
        label=None,
        start=later(0),
        end=later(length_s),
        amount_microusd=amount,
    )


def compared(world: World, day: date = DAY) -> dict[str, tuple[int, int | None]]:
    """Booked and charged, by session."""
    rows = store.rows(world.deps.costs, Days(day, day))
    return {row.session_id: (row.booked_microusd, row.charged_microusd) for row in rows}


def drifts(world: World) -> list[tuple[str, float | None, float]]:
    """Day, drift in percent and unknown sessions, of each comparison told."""
    return [
        (
            fact.details["day"],
            fact.metrics.get("ChargesDrift"),
            fact.metrics["ChargesUnknown"],
        )
        for fact in world.facts
        if fact.operation == "charges_compared"
    ]


def test_the_last_three_whole_days_are_asked_for_at_once(world: World, vast: Charging) -> None:
    session_id = ended(world)
    vast.bill = [charge()]
    told = compare_charges(world.deps, "vastai")
    assert (told.days, told.sessions, told.unknown) == (3, 1, 0)
    assert vast.spans == [(later(-60 * 3_600), later(12 * 3_600))]
    assert compared(world) == {session_id: (400_000, 400_000)}
    assert drifts(world)[-1] == ("2026-02-07", 0.0, 0.0)


def test_a_difference_is_told_in_percent_of_what_is_booked(world: World, vast: Charging) -> None:
    ended(world)
    vast.bill = [charge(amount=413_223)]
    compare_charges(world.deps, "vastai", DAY)
    # Half a cent and two seconds are rounding: 5,000 and 223 micro-dollars.
    assert drifts(world) == [("2026-02-07", 2.0, 0.0)]


def test_less_charged_than_booked_is_explained_by_the_proof_of_the_end(
    world: World, vast: Charging
) -> None:
    """30 s of an hour at $0.40: 3,333 micro-dollars."""
    ended(world)
    vast.bill = [charge(amount=400_000 - 5_223 - 3_333)]
    compare_charges(world.deps, "vastai", DAY)
    vast.bill = [charge(amount=400_000 - 5_223 - 3_333 - 8_000)]
    compare_charges(world.deps, "vastai", DAY)
    assert [drift for _, drift, _ in drifts(world)] == [0.0, 2.0]


@pytest.mark.parametrize(("microusd", "percent"), [(5_000, 0.0), (5_001, 100.0)])
def test_a_machine_that_was_never_booked_rings_whatever_the_others_cost(
    world: World, vast: Charging, microusd: int, percent: float
) -> None:
    """The first session is charged less by as much; half a cent of an entry is rounding."""
    ended(world, length_s=36_000)
    unknown = charge(2, amount=microusd)
    unknown = replace(unknown, label=str(Label(DEPLOYMENT, SESSION_ID, 1)))
    vast.bill = [charge(amount=4_000_000 - microusd, length_s=36_000), unknown]
    compare_charges(world.deps, "vastai", DAY)
    assert [drift for _, drift, _ in drifts(world)] == [percent]


def test_a_day_may_be_compared_again_and_again(world: World, vast: Charging) -> None:
    session_id = ended(world)
    vast.bill = [charge()]
    for _ in range(3):
        compare_charges(world.deps, "vastai", DAY)
    assert compared(world) == {session_id: (400_000, 400_000)}
    assert totals_by_provider(world.deps, Days(DAY, DAY))["vastai"].sessions == 1


def test_a_correction_of_the_provider_is_taken_over(world: World, vast: Charging) -> None:
    session_id = ended(world)
    vast.bill = [charge(amount=999_999)]
    compare_charges(world.deps, "vastai", DAY)
    vast.bill = [charge()]
    compare_charges(world.deps, "vastai", DAY)
    assert compared(world) == {session_id: (400_000, 400_000)}


@pytest.mark.parametrize("error", [BadProviderReply("half a page"), ProviderAuth("no right")])
def test_charges_that_cannot_be_read_are_unknown_and_the_run_fails(
    world: World, vast: Charging, error: ProviderError
) -> None:
    """A comparison that learns nothing would never ring: a failed run lies in the dead letters."""
    session_id = ended(world)
    vast.errors["charges"] = [error]
    with pytest.raises(type(error)):
        compare_charges(world.deps, "vastai", DAY)
    assert compared(world) == {session_id: (400_000, None)}
    assert drifts(world) == [("2026-02-07", None, 1.0)]
    (unread,) = [fact for fact in world.facts if fact.operation == "charges_unread"]
    assert (unread.provider, unread.reason) == ("vastai", error.code)


def test_what_was_known_stays_known_when_the_next_run_can_read_nothing(
    world: World, vast: Charging
) -> None:
    session_id = ended(world)
    vast.bill = [charge()]
    compare_charges(world.deps, "vastai", DAY)
    vast.errors["charges"] = [BadProviderReply("half a page")]
    with pytest.raises(BadProviderReply):
        compare_charges(world.deps, "vastai", DAY)
    assert totals_by_provider(world.deps, Days(DAY, DAY))["vastai"].unknown == 0
    assert compared(world) == {session_id: (400_000, 400_000)}


def meanwhile(patch: pytest.MonkeyPatch, of: Any, name: str, act: Callable[[], Any]) -> None:
    """`act` happens once, after the next answer of the function `name` of the store or provider."""
    original, done = getattr(of, name), list[bool]()

    def overtaken(*asked: Any) -> Any:
        found = original(*asked)
        if not done:
            done.append(True)
            act()
        return found

    patch.setattr(of, name, overtaken)


@pytest.mark.parametrize("first", [100_000, None])
@pytest.mark.parametrize(
    ("own", "others", "stands"),
    [(None, 120_000, 120_000), (110_000, 120_000, 120_000), (110_000, None, 110_000)],
)
def test_a_run_that_was_overtaken_undoes_nothing(
    world: World,
    vast: Charging,
    monkeypatch: pytest.MonkeyPatch,
    first: int | None,
    own: int | None,
    others: int | None,
    stands: int,
) -> None:
    """N-29: both have read the same row, and the one that asked first writes last; None: unread."""
    unbooked = replace(charge(), label=str(Label(DEPLOYMENT, SESSION_ID, 1)))
    session_id = ended(world)

    def run(amount: int | None) -> None:
        world.clock.tick(60)
        vast.bill = [replace(unbooked, amount_microusd=amount or 0)]
        vast.errors["charges"] = [] if amount else [BadProviderReply("half a page")]
        with suppress(BadProviderReply):
            compare_charges(world.deps, "vastai", DAY)

    run(first)
    meanwhile(monkeypatch, store, "of_day", lambda: run(others))
    run(own)
    assert compared(world) == {session_id: (400_000, stands)}
    assert totals_by_provider(world.deps, Days(DAY, DAY))["vastai"].charged_microusd == stands


def test_who_has_asked_first_knows_less_however_long_the_answer_took(
    world: World, vast: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-29: another run asks, and writes, between a provider's answer and what follows from it."""
    session_id = ended(world)
    vast.bill = [charge(amount=100_000)]

    def corrected() -> None:
        world.clock.tick(60)
        vast.bill = [charge()]
        compare_charges(world.deps, "vastai", DAY)
        world.clock.tick(60)

    meanwhile(monkeypatch, vast, "charges", corrected)
    compare_charges(world.deps, "vastai", DAY)
    assert compared(world) == {session_id: (400_000, 400_000)}


def test_a_total_is_never_older_than_the_rows_that_it_adds_up(
    world: World, vast: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-29: between reading the rows and writing their total, another run corrects one."""
    ended(world)
    vast.bill = [charge()]

    def corrected() -> None:
        world.clock.tick(60)
        vast.bill = [charge(amount=999_999)]
        compare_charges(world.deps, "vastai", DAY)

    def before_the_total() -> None:
        meanwhile(monkeypatch, store, "of_day", corrected)

    meanwhile(monkeypatch, store, "total_version", before_the_total)
    compare_charges(world.deps, "vastai", DAY)
    assert [row.charged_microusd for row in store.of_day(world.deps.costs, "vastai", DAY)] == [
        999_999
    ]
    assert totals_by_provider(world.deps, Days(DAY, DAY))["vastai"].charged_microusd == 999_999


def test_a_total_that_was_overtaken_is_added_up_again(
    world: World, vast: Charging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-29: another run had read the rows before there were any, and writes its total first."""
    ended(world)
    vast.bill = [charge()]
    empty = DayTotal(day=DAY, provider="vastai", total=Total(), compared_at=NEXT_MORNING)
    meanwhile(monkeypatch, store, "total_version", lambda: store.put_total(world.deps.costs, empty))
    compare_charges(world.deps, "vastai", DAY)
    assert totals_by_provider(world.deps, Days(DAY, DAY))["vastai"].charged_microusd == 400_000


def test_only_the_providers_own_part_is_compared(world: World, vast: Charging) -> None:
    ended(world)
    ended(world, number=2, provider="tensordock")
    vast.bill = [charge()]
    assert compare_charges(world.deps, "vastai", DAY).sessions == 1


def test_a_provider_without_charges_is_compared_by_its_price(world: World) -> None:
    session_id = ended(world, length_s=60.5, provider="tensordock")
    world.clock.at = NEXT_MORNING
    world.deps = replace(world.deps, enabled_providers=("tensordock",))
    compare_charges(world.deps, "tensordock", DAY)
    assert compared(world) == {session_id: (6_778, 6_722)}
    assert drifts(world) == [("2026-02-07", 0.0, 0.0)]


def test_a_provider_that_is_switched_off_is_compared_while_something_is_booked(
    world: World, vast: Charging
) -> None:
    world.deps = replace(world.deps, enabled_providers=("tensordock",))
    assert compare_charges(world.deps, "vastai").days == 0
    assert vast.spans == []
    ended(world)
    assert compare_charges(world.deps, "vastai").sessions == 1


def test_a_session_over_midnight_is_compared_on_both_days(world: World, vast: Charging) -> None:
    session_id = ended(world, length_s=14 * 3_600)
    vast.bill = [charge(amount=5_600_000, length_s=14 * 3_600)]
    for day, microusd in ((DAY, 4_800_000), (DAY + timedelta(days=1), 800_000)):
        compare_charges(world.deps, "vastai", day)
        assert compared(world, day) == {session_id: (microusd, microusd)}


def test_pages_go_on_where_the_last_one_ended_over_months_too(world: World) -> None:
    days = Days(date(2026, 1, 30), date(2026, 2, 2))
    wanted = []
    for number in range(days.count):
        for session in range(2):
            row = _row(days.first + timedelta(days=number), f"s{session}")
            store.put(world.deps.costs, row)
            wanted.append(store.position_of(row))
    found: list[str] = []
    after = None
    while True:
        page, after = list_compared(world.deps, days, lambda _: True, after, 3)
        found += [store.position_of(row) for row in page]
        if after is None:
            break
    assert found == wanted


def _row(day: date, session_id: str) -> Compared:
    return Compared(
        day=day,
        provider="vastai",
        session_id=session_id,
        consumer_id=None,
        booked_microusd=1,
        charged_microusd=1,
        rounding_microusd=0,
        proof_microusd=0,
        basis=Basis.CHARGES,
        compared_at=later(0),
    )
