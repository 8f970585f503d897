"""How long each kind of call waits for its turn, and who goes before whom."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import StoreUnavailable
from gpu_shopper.errors.provider import TooSoon
from gpu_shopper.usecases.pacing import Pacer
from tests.world import World, a_world

EVEN = Settings(pace_margin_ms=0)
ENDPOINT = "find"  # 2 s apart
SHARED = "any"  # TensorDock's one line, 1 s apart


def pacer(
    world: World, provider: str = "vastai", settings: Settings = EVEN, table: Any = None
) -> Pacer:
    """As one more function would wire it; waiting moves the clock."""
    operations = table or world.deps.operations
    return Pacer(provider, operations, world.clock, world.clock.tick, settings)


def waited_s(world: World, pace: Pacer, turn: Turn, endpoint: str = ENDPOINT) -> float:
    began = world.clock.at
    pace(endpoint, turn)
    return (world.clock.at - began).total_seconds()


def at_once(world: World, pace: Pacer, turn: Turn, endpoint: str = ENDPOINT) -> float:
    """How long this call waits; for others no time passes meanwhile."""
    began = world.clock.at
    try:
        return waited_s(world, pace, turn, endpoint)
    finally:
        world.clock.at = began


def test_calls_of_two_functions_are_one_interval_apart(world: World) -> None:
    """5.0, 1.9: with the margin that is added to what the provider asks for."""
    one, other = pacer(world, settings=Settings()), pacer(world, settings=Settings())
    assert [waited_s(world, pace, Turn.USUAL) for pace in (one, other, one)] == [0, 2.25, 2.25]


def test_an_endpoint_without_an_interval_never_looks_at_the_table(world: World) -> None:
    """A search of the whole market is hundreds of calls."""
    pace = pacer(world, table="no table")
    assert [waited_s(world, pace, Turn.REFRESH, "search") for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("turn", "waits"), [(Turn.USUAL, [0, 2, 4]), (Turn.LAUNCH, [0, 2, 4, 6, 8, 10])]
)
def test_a_call_whose_turn_is_too_far_away_is_not_sent(
    world: World, turn: Turn, waits: list[float]
) -> None:
    """5.0: it waits up to 5 s, a launch 10 s; the error says when the line will be free."""
    pace = pacer(world)
    assert [at_once(world, pace, turn) for _ in waits] == waits
    with pytest.raises(TooSoon) as held_back:
        pace(ENDPOINT, turn)
    assert held_back.value.retry_after_s == waits[-1] + 2
    world.clock.tick(held_back.value.retry_after_s)
    assert at_once(world, pace, turn) == 0


def test_a_terminate_goes_before_everybody_who_waits(world: World) -> None:
    """2.11: launches fill TensorDock's line; the end is asked for at once all the same."""
    pace = pacer(world, "tensordock")
    for _ in range(11):
        at_once(world, pace, Turn.LAUNCH, SHARED)
    with pytest.raises(TooSoon):
        pace(SHARED, Turn.USUAL)
    assert at_once(world, pace, Turn.TERMINATE, SHARED) == 0
    with pytest.raises(TooSoon) as pushed_back:
        pace(SHARED, Turn.LAUNCH)
    assert pushed_back.value.retry_after_s == 12


def test_terminates_wait_for_each_other_but_are_never_refused(world: World) -> None:
    """1.9, 2.11: 3 s apart up to 45 s; whoever would wait longer goes then, at the latest."""
    pace = pacer(world)
    waits = [at_once(world, pace, Turn.TERMINATE, "destroy") for _ in range(20)]
    assert waits == [*range(0, 46, 3), 45, 45, 45, 45]


def test_a_refresh_gives_way_to_whoever_comes_while_it_waits(world: World) -> None:
    """5.0: it takes no place ahead of time."""
    pace, others = pacer(world, "tensordock"), pacer(world, "tensordock")
    others(SHARED, Turn.USUAL)
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) <= 3:
            assert at_once(world, others, Turn.USUAL, SHARED) == seconds
        world.clock.tick(seconds)

    Pacer("tensordock", world.deps.operations, world.clock, sleep, EVEN)(SHARED, Turn.REFRESH)
    assert waits == [1, 1, 1, 1]
    assert at_once(world, pace, Turn.USUAL, SHARED) == 1


def test_a_refresh_that_never_gets_its_turn_gives_up(world: World) -> None:
    """5.0: after two minutes; the snapshot ages meanwhile, and nothing else is held up."""
    others = pacer(world, "tensordock")
    others(SHARED, Turn.USUAL)
    began = world.clock.at

    def sleep(seconds: float) -> None:
        at_once(world, others, Turn.USUAL, SHARED)
        world.clock.tick(seconds)

    pace = Pacer("tensordock", world.deps.operations, world.clock, sleep, EVEN)
    with pytest.raises(TooSoon):
        pace(SHARED, Turn.REFRESH)
    assert (world.clock.at - began).total_seconds() == 120


def test_one_providers_line_never_holds_up_another_provider(world: World) -> None:
    """5.0."""
    busy = pacer(world, "tensordock")
    for _ in range(6):
        at_once(world, busy, Turn.USUAL, SHARED)
    with pytest.raises(TooSoon):
        busy(SHARED, Turn.USUAL)
    for endpoint in ("create", "find", "list"):
        assert waited_s(world, pacer(world), Turn.USUAL, endpoint) == 0


def test_when_the_table_is_gone_only_a_terminate_is_sent() -> None:
    """5.0: an end must not wait for our own store; all else is service trouble."""
    with a_world() as world:
        table = world.deps.operations
        table.delete()
        pace = pacer(world, table=table)
        assert waited_s(world, pace, Turn.TERMINATE) == 0
        for turn in (Turn.LAUNCH, Turn.USUAL, Turn.REFRESH):
            with pytest.raises(StoreUnavailable):
                pace(ENDPOINT, turn)


def test_a_misspelt_endpoint_is_no_endpoint_without_interval(world: World) -> None:
    with pytest.raises(KeyError):
        pacer(world)("fnid", Turn.USUAL)
