"""A provider's balance: looked at once an hour, and a warning when little."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gpu_shopper.errors.provider import ProviderAuth, ProviderUnavailable
from gpu_shopper.usecases.balances import watch_balance
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.world import World


def balances(world: World) -> list[tuple[str, float]]:
    """What was told of it: the word and the dollars."""
    return [
        (fact.operation, fact.metrics["ProviderBalance"])
        for fact in world.facts
        if "ProviderBalance" in fact.metrics
    ]


@pytest.mark.parametrize(
    ("left", "word"),
    [(5_000_000, "balance_read"), (4_999_999, "balance_low"), (-1, "balance_low")],
)
def test_less_than_five_dollars_is_a_warning(world: World, left: int, word: str) -> None:
    """2.9 Extras."""
    world.vast.left = left
    watch_balance(world.deps, "vastai")
    assert balances(world) == [(word, left / 1_000_000)]


def test_the_reconcile_sweep_looks_once_an_hour_and_not_a_second_earlier(world: World) -> None:
    """2.9 Extras: metric ProviderBalance at most hourly."""
    for seconds, looks in ((0, 1), (60, 1), (3_539, 1), (1, 2)):
        world.clock.tick(seconds)
        assert reconcile(world.deps, "vastai").complete
        assert (world.vast.count("balance"), len(balances(world))) == (looks, looks)


def test_ten_runs_at_once_look_once(world: World) -> None:
    """M-17: a guarded write of the instant decides."""
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: watch_balance(world.deps, "vastai"), range(10)))
    assert world.vast.count("balance") == 1


@pytest.mark.parametrize("error", [ProviderUnavailable("503"), ProviderAuth("no right")])
def test_a_balance_that_cannot_be_read_stops_nothing(
    world: World, error: ProviderUnavailable | ProviderAuth
) -> None:
    """2.9 Extras: and says nothing of the secret, whose key may lack that one right."""
    world.vast.errors["balance"] = [error]
    assert reconcile(world.deps, "vastai").complete
    assert world.operations()[-2:] == ["sweep_completed", "balance_unread"]
    world.clock.tick(60)
    assert refresh_inventory(world.deps, "vastai").found == 1
    assert world.create().session.id


def test_nothing_left_blocks_no_session(world: World) -> None:
    """2.9 Extras: never blocks; whether its machine is launched is another question."""
    world.vast.left = 0
    watch_balance(world.deps, "vastai")
    assert world.create().session.id


def test_a_listing_that_failed_is_not_followed_by_a_look(world: World) -> None:
    world.vast.errors["list_instances"] = [ProviderUnavailable("503")]
    reconcile(world.deps, "vastai")
    assert world.vast.count("balance") == 0


def test_what_a_provider_does_not_tell_is_no_balance(world: World) -> None:
    world.vast.left = None
    watch_balance(world.deps, "vastai")
    assert balances(world) == []
