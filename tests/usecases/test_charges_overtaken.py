"""Comparisons of the same day beside each other: the one that asked last knows best."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.comparing import Total
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.labels import Label
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.store import charges as store
from gpu_shopper.store.charges import DayTotal
from gpu_shopper.usecases.charges import compare_charges, totals_by_provider
from tests.builders import DEPLOYMENT, SESSION_ID
from tests.usecases.charging import DAY, NEXT_MORNING, Charging, charge, compared, ended
from tests.world import World


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
