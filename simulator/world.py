"""Everything the simulator knows, and how it starts again."""

from __future__ import annotations

import asyncio
from typing import Any

from simulator.clock import Clock
from simulator.faults.rules import RuleBook
from simulator.fleet import Fleet
from simulator.journal import Journal
from simulator.knobs import Knobs
from simulator.wire import Provider


class World:
    """The shared state: clock, knobs, rules, machines, journal and the providers over them."""

    def __init__(self, seed: int, offers: int, keys: dict[str, list[str]] | None = None) -> None:
        self._start = (seed, offers)
        self.offers = offers
        self.clock = Clock()
        self.knobs = Knobs(keys)
        self.knobs.values["seed"] = seed
        self.rules = RuleBook(self.clock.now_s, lambda: self.seed)
        self.fleet = Fleet(self.clock, self.rules)
        self.journal = Journal()
        # When each identity last called each operation of a provider, while calls are limited.
        self.last_call_s: dict[tuple[str, str, str], float] = {}
        self.providers: dict[str, Provider] = {}
        self.released = asyncio.Event()

    @property
    def seed(self) -> int:
        """The seed of the market and of every draw."""
        return int(self.knobs.values["seed"])

    def add(self, provider: Provider) -> None:
        """Take a provider on, with a fresh market."""
        self.providers[provider.name] = provider
        provider.restart(self.seed, self.offers)

    def restart(self, seed: int | None = None, offers: int | None = None) -> None:
        """Everything as after the program's start; hanging requests are closed."""
        self.released.set()
        self.released = asyncio.Event()
        self.clock.restart()
        self.knobs.restart()
        self.knobs.values["seed"] = self._start[0] if seed is None else seed
        self.offers = self._start[1] if offers is None else offers
        self.rules.clear()
        self.fleet.clear()
        self.journal.clear()
        self.last_call_s.clear()
        self.remake_markets()

    def configure(self, body: Any) -> None:
        """Set knobs and let them take effect. Raises BadField before changing anything."""
        changed = self.knobs.update(body)
        if "speed" in changed:
            self.clock.set_speed(changed["speed"])
        if "seed" in changed:
            self.remake_markets()
        for provider in self.providers.values():
            provider.knobs_changed()

    def remake_markets(self) -> None:
        """Fresh markets for the seed and size in force."""
        for provider in self.providers.values():
            provider.restart(self.seed, self.offers)
