"""The market moves: others rent and return GPUs, offers come and go, prices change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator import draws
from simulator.clock import Timer
from simulator.tensordock.market import Stock

if TYPE_CHECKING:
    from simulator.tensordock.provider import TensorDock

TICK_S = 5.0
_HOURLY = 3600.0


class Churn:
    """Moves the market once a tick, by the shares of the knob `churn`."""

    def __init__(self, dock: TensorDock) -> None:
        self._dock = dock

    def restart(self, seed: int) -> None:
        """Begin again; nothing happens while every share is 0."""
        self._rng = draws.seeded("tensordock churn", seed)
        self._owed: dict[str, float] = {}
        self._others: dict[str, int] = {}
        self._timer: Timer | None = None
        self.rearm()

    def rearm(self) -> None:
        """Tick while any share is above 0, and only then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._dock.world.knobs.values["churn"].values()):
            self._timer = self._dock.world.clock.later(TICK_S, self._tick)

    def _tick(self) -> None:
        shares = self._dock.world.knobs.values["churn"]
        stocks = list(self._dock.market.stocks())
        moves: dict[str, tuple[float, Callable[[Stock], None]]] = {
            "rented_per_min": (60.0, self._rent_or_return),
            "vanish_per_h": (_HOURLY, self._vanish),
            "appear_per_h": (_HOURLY, self._appear),
            "price_edits_per_h": (_HOURLY, self._edit_price),
        }
        for name, (period_s, move) in moves.items():
            owed = self._owed.get(name, 0.0) + shares[name] * len(stocks) * TICK_S / period_s
            while owed >= 1:
                owed -= 1
                move(self._rng.choice(stocks))
            self._owed[name] = owed
        self.rearm()

    def _rent_or_return(self, stock: Stock) -> None:
        """Somebody else takes a GPU of a node, or gives one back: never one of ours."""
        node = self._rng.choice(stock.nodes)
        theirs = self._others.get(node.id, 0)
        change = -1 if theirs and self._rng.random() < 0.5 else 1
        if change < 0 or node.free:
            node.taken += change
            self._others[node.id] = theirs + change

    def _vanish(self, stock: Stock) -> None:
        stock.listed = False

    def _appear(self, _stock: Stock) -> None:
        gone = [stock for stock in self._dock.market.stocks() if not stock.listed]
        if gone:
            self._rng.choice(gone).listed = True

    def _edit_price(self, stock: Stock) -> None:
        factor = self._rng.choice((0.9, 0.95, 1.05, 1.1))
        stock.gpu_price = round(stock.gpu_price * factor, 6)
