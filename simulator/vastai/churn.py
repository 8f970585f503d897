"""The market moves: others rent and return, machines come and go, prices change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import draws
from simulator.clock import Timer
from simulator.vastai.machines import Ask, ask_sizes, build_machine, listed_price, parts_model

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi

TICK_S = 5.0
_RELISTED_FROM = 60_000_000


class Churn:
    """Moves the market once a tick, by the shares of the knob `churn`."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast

    def restart(self, seed: int) -> None:
        """Begin again; nothing happens while every share is 0."""
        self._rng = draws.seeded("churn", seed)
        self._owed = dict.fromkeys(("rented", "vanish", "appear", "price"), 0.0)
        self._next_id = _RELISTED_FROM
        self._timer: Timer | None = None
        self.rearm()

    def rearm(self) -> None:
        """Tick while any share is above 0, and only then."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._vast.world.knobs.values["churn"].values()):
            self._timer = self._vast.clock.later(TICK_S, self._tick)

    def _tick(self) -> None:
        shares = self._vast.world.knobs.values["churn"]
        size = len(self._vast.book.asks)
        self._owed["rented"] += shares["rented_per_min"] * size * TICK_S / 60
        self._owed["vanish"] += shares["vanish_per_h"] * size * TICK_S / 3600
        self._owed["appear"] += shares["appear_per_h"] * size * TICK_S / 3600
        self._owed["price"] += shares["price_edits_per_h"] * size * TICK_S / 3600
        moves = {
            "rented": self._rent_or_return,
            "vanish": self._vanish,
            "appear": self._appear,
            "price": self._edit_price,
        }
        for name, move in moves.items():
            while self._owed[name] >= 1:
                self._owed[name] -= 1
                move()
        self.rearm()

    def _any_ask(self) -> Ask:
        return self._rng.choice(self._vast.book.asks)

    def _rent_or_return(self) -> None:
        ask = self._any_ask()
        if ask.rentable:
            ask.machine.taken.update(ask.gpu_ids)
        elif ask.listed and not self._ours(ask):
            ask.machine.taken.difference_update(ask.gpu_ids)
            self._relist(ask)

    def _ours(self, ask: Ask) -> bool:
        """Whether one of the machine's GPUs belongs to an instance of the account."""
        return any(
            self._vast.ask_of(instance).machine is ask.machine
            for instance in self._vast.world.fleet.everything()
            if instance.alive and instance.provider == "vastai"
        )

    def _relist(self, ask: Ask) -> None:
        """A returned ask comes back under a new id."""
        ask.listed = False
        self._next_id += 1
        again = Ask(self._next_id, ask.machine, ask.first, ask.size, ask.dph_base)
        self._vast.book.add([again])

    def _vanish(self) -> None:
        self._any_ask().listed = False

    def _appear(self) -> None:
        self._next_id += 1
        machine = build_machine(self._rng, self._next_id, self._next_id, parts_model(self._rng))
        size = ask_sizes(self._rng, machine.gpus)[-1]
        price = listed_price(machine.gpu_price, size)
        self._vast.book.add([Ask(self._next_id, machine, 0, size, price)])

    def _edit_price(self) -> None:
        ask = self._any_ask()
        factor = self._rng.choice((0.9, 0.95, 1.05, 1.1))
        self._vast.book.reprice(ask, round(ask.dph_base * factor, 6))
