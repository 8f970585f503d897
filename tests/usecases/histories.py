"""The history of prices as tests make it, read it and get in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gpu_shopper.core.price_book import Book
from gpu_shopper.core.price_rows import Period, Point, Window
from gpu_shopper.core.prices import Series
from gpu_shopper.store.price_books import open_book
from gpu_shopper.usecases import price_history
from gpu_shopper.usecases.prices import Wanted, list_prices
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import an_offer
from tests.world import World

SERIES = Series("RTX 4090", 1)
HOUR_S, DAY_S = 3_600, 86_400


def refreshed(world: World, *prices: int, after_s: float = 60) -> None:
    """A refresh `after_s` later, with one RTX 4090 on offer at each of these prices."""
    world.clock.tick(after_s)
    world.vast.offers = [
        an_offer(id=f"vastai-{n}", provider_id=str(n), price_microusd_per_hour=price)
        for n, price in enumerate(prices, 1)
    ]
    assert refresh_inventory(world.deps, "vastai").found == len(prices)


def book(world: World) -> Book:
    return open_book(world.deps.inventory.bucket, "vastai").book


def points(world: World, period: Period = Period.HOURLY, days: int = 1) -> list[Point]:
    """The history of the RTX 4090 as a caller would get it now."""
    window = Window(period=period, days=days, to=world.clock.at)
    page = list_prices(world.deps, Wanted(providers=("vastai",)), window, None, 50)
    return [
        point for history in page.histories if history.series == SERIES for point in history.points
    ]


def failed(world: World) -> list[str | None]:
    return [fact.reason for fact in world.facts if fact.operation == "price_history_failed"]


def meddle(
    monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[..., None], *, times: int = 1
) -> None:
    """Before the next `times` calls of `name` in the use case, do something else first."""
    real, left = getattr(price_history, name), [times]

    def wrapped(*args: Any) -> Any:
        if left[0]:
            left[0] -= 1
            act(*args)
        return real(*args)

    monkeypatch.setattr(price_history, name, wrapped)
