"""One answer is of one generation, however many read while others are published."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.core.offers import Offer
from gpu_shopper.store.inventory import SnapshotCache
from gpu_shopper.usecases.inventory import list_offers
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import an_offer
from tests.world import World

READERS, OFFERS, GENERATIONS = 50, 10, 4


def generation(number: int) -> list[Offer]:
    """Offers that all cost the same, and in each generation something else."""
    return [
        an_offer(id=f"vastai-{one}", provider_id=str(one), price_microusd_per_hour=number * 100_000)
        for one in range(1, OFFERS + 1)
    ]


def test_fifty_readers_never_see_two_generations_in_one_answer(world: World) -> None:
    """M-20: each like a function of its own, while refreshes publish one after the other."""
    over, answers = Event(), list[list[int]]()

    def read(_: int) -> None:
        deps = replace(world.deps, snapshots=SnapshotCache())
        while not over.is_set():
            menu = list_offers(deps, ("vastai",), Filters(), Sort.PRICE, 1_000, 0)
            answers.append([one.offer.price_microusd_per_hour for one in menu.page])

    with ThreadPoolExecutor(READERS) as pool:
        reading = [pool.submit(read, number) for number in range(READERS)]
        try:
            for number in range(1, GENERATIONS + 1):
                world.clock.tick(60)
                world.vast.offers = generation(number)
                assert refresh_inventory(world.deps, "vastai").error is None
                enough = len(answers) + READERS
                while len(answers) < enough and not any(one.done() for one in reading):
                    over.wait(0.01)
        finally:
            over.set()
        for one in reading:
            one.result()
    published = [prices for prices in answers if len(prices) == OFFERS]
    assert {len(set(prices)) for prices in published} == {1}
    assert {prices[0] for prices in published} == {100_000, 200_000, 300_000, 400_000}
    assert {len(prices) for prices in answers} <= {1, OFFERS}


def test_an_offer_that_left_and_one_that_came_are_never_shown_together(world: World) -> None:
    """M-20: the generation is replaced whole."""
    for offers in (generation(1), [one._replace(id=f"{one.id}9") for one in generation(2)]):
        world.clock.tick(60)
        world.vast.offers = offers
        refresh_inventory(world.deps, "vastai")
    menu = list_offers(world.deps, ("vastai",), Filters(), Sort.PRICE, 1_000, 0)
    assert {one.offer.id for one in menu.page} == {one.id for one in world.vast.offers}
