"""Random lives of sessions, and what the tables then say of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.labels import Label
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import TERMINAL
from gpu_shopper.errors import ShopperError
from gpu_shopper.errors.provider import NoCapacity, ProviderUnavailable
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.gauges import publish_gauges
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.measuring import Meter
from gpu_shopper.usecases.setting_budgets import Wanted, set_budget
from tests.builders import DEPLOYMENT, an_instance
from tests.metering import auditing
from tests.usecases.player import Player
from tests.world import OPERATOR, World


def told(world: World, metric: str) -> dict[tuple[str | None, str | None], float]:
    """The values of one gauge, published now, by provider and status."""
    before = len(world.facts)
    publish_gauges(world.deps)
    return {
        (fact.provider, fact.dimensions.get("Status")): fact.metrics[metric]
        for fact in world.facts[before:]
        if metric in fact.metrics
    }


def everything(world: World) -> list[Session]:
    """A full read of the table."""
    ids = [session_id for _, session_id in store.positions(world.deps.sessions, "*", None, 1_000)]
    return list(store.get_many(world.deps.sessions, ids).values())


def in_the_table(world: World) -> dict[tuple[str, str], int]:
    """By provider and status, without what ended more than 24 h ago."""
    day_ago = world.clock.at - timedelta(hours=24)
    return Counter(
        (one.attempt.provider, one.state.value)
        for one in everything(world)
        if one.stopped_at is None or one.stopped_at >= day_ago
    )


def _guard(world: World) -> None:
    """The provider as the functions wire it, with its circuit and its meter."""
    deps = world.deps
    meter = Meter("vastai", deps.note, lambda: 0.0)
    guarded = GuardedProvider(
        world.vast, deps.operations, deps.now, deps.settings, meter, auditing(deps)
    )
    world.deps = replace(deps, provider=lambda _name: guarded)


def _no_hooks() -> Hooks:
    raise AssertionError("a budget without a receiver needs no webhooks")


class Lives:
    """Sessions to which random things happen."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.player = Player(world)
        self.number = 0
        _guard(world)

    def happen(self) -> None:
        often: list[Callable[[], object]] = [*[self._begin] * 3, *[self._go_on] * 14, self._vanish]
        seldom = [self._stop, self._strand, self._mood, self._refuse, self._fail, self._budget]
        acts = [*often, *seldom, self._book]
        with suppress(ShopperError):
            self.chance.choice(acts)()

    def calm_down(self) -> None:
        """End all sessions, with everything working again."""
        self.world.vast.errors.clear()
        for one in everything(self.world):
            if one.state not in TERMINAL:
                with suppress(ShopperError):
                    sessions.request_stop(self.world.deps, OPERATOR, one.id)
        for one in everything(self.world):
            self.player.until(one.id, *TERMINAL)
        accrue_costs(self.world.deps)

    def _begin(self) -> None:
        self.number += 1
        caller = Caller(f"key{self.number:05d}", Role.CONSUMER, f"c{self.number}")
        offer = self.chance.choice(self.world.vast.offers)
        again = self.chance.random() < 0.7
        self.world.create(caller, offer_id=offer.id, auto_retry=again, ssh_timeout_min=1)

    def _stop(self) -> None:
        session = self.chance.choice(everything(self.world) or [None])
        if session is not None:
            sessions.request_stop(self.world.deps, OPERATOR, session.id)

    def _vanish(self) -> None:
        """A machine dies without our asking: a ghost, after a while."""
        if self.world.vast.instances:
            self.world.vast.instances.pop(self.chance.choice(list(self.world.vast.instances)))
            self.world.clock.tick(660)

    def _strand(self) -> None:
        """A machine of ours that no session knows."""
        self.number += 1
        session_id = f"00000000-0000-4000-9000-{self.number:012x}"
        machine = an_instance(id=f"90{self.number}", label=str(Label(DEPLOYMENT, session_id, 1)))
        self.world.vast.instances[machine.id] = machine

    def _mood(self) -> None:
        """Machines can be logged in to, or cannot."""
        result = self.chance.choice([SshResult.READY, SshResult.READY, SshResult.TIMEOUT])
        self.player.probe.results = [result]

    def _refuse(self) -> None:
        error = self.chance.choice([None, NoCapacity("none"), ProviderUnavailable("503")])
        method = self.chance.choice(["launch", "terminate", "find", "list_instances"])
        self.world.vast.errors[method] = [error, None]

    def _fail(self) -> None:
        """So often in a row that the circuit opens."""
        self.world.vast.errors["list_offers"] = [ProviderUnavailable("503")]
        for _ in range(self.world.deps.settings.breaker_failures):
            with suppress(ShopperError):
                self.world.deps.provider("vastai").list_offers()
        del self.world.vast.errors["list_offers"]

    def _budget(self) -> None:
        """So small that it will be reached."""
        consumer = f"c{self.chance.randint(1, max(self.number, 1))}"
        wanted = Wanted(limit_microusd=20_000, enforce=False)
        set_budget(self.world.deps, _no_hooks, OPERATOR, consumer, wanted)

    def _book(self) -> None:
        accrue_costs(self.world.deps)

    def _go_on(self) -> None:
        for _ in range(3):
            self.player.next()
