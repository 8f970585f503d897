"""Gauges: what they tell is what the tables say, after whatever life the sessions had."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.labels import Label
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import TERMINAL, State
from gpu_shopper.errors import NoCapacity, ProviderUnavailable, ShopperError
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.gauges import publish_gauges
from gpu_shopper.usecases.reconcile import reconcile
from tests.builders import DEPLOYMENT, an_instance
from tests.usecases.player import Player
from tests.usecases.story import running, stop, torn_down
from tests.world import OPERATOR, World

ALL = {(provider, state.value) for provider in ("vastai", "tensordock") for state in State}


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


def test_the_first_publication_has_every_pair(world: World) -> None:
    """M-67, M-91, M-108: nothing is remembered, so a cold start knows all."""
    assert told(world, "SessionsActive") == dict.fromkeys(ALL, 0)
    session_id = running(world)
    other = world.create_without_offer(7)
    counted = told(world, "SessionsActive")
    assert set(counted) == ALL
    assert counted["vastai", "running"] == counted["vastai", "pending"] == 1
    assert sum(counted.values()) == 2
    assert {session_id, other.id} == {one.id for one in everything(world)}


def test_an_end_is_counted_for_a_day(world: World) -> None:
    """M-46: and not a moment longer."""
    session_id = running(world)
    stop(world, session_id)
    world.clock.tick(60)
    assert told(world, "SessionsActive")["vastai", "stopping"] == 1
    torn_down(world, session_id)
    ended_at = world.session(session_id).state_entered_at
    for after_s, expected in ((0, 1), (86_400, 1), (86_400.001, 0)):
        world.clock.at = ended_at + timedelta(seconds=after_s)
        counted = told(world, "SessionsActive")
        assert counted["vastai", "stopped"] == expected
        assert sum(counted.values()) == expected


def test_a_ghost_of_an_earlier_release_leaves_no_gauge_below_zero(world: World) -> None:
    """M-68, M-90, M-106: gauges are read, never counted up and down."""
    running(world)
    world.vast.instances.clear()
    for _ in range(15):
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
    counted = told(world, "SessionsActive")
    assert counted["vastai", "running"] == 0
    assert counted["vastai", "stopped"] == 1
    assert min(counted.values()) == 0


def test_what_takes_too_long_is_told_with_its_age(world: World) -> None:
    """6.1: stopping since, and running long past its end."""
    session_id = running(world)
    assert told(world, "StoppingAgeMax") == {("vastai", None): 0, ("tensordock", None): 0}
    world.clock.tick(7_200 + 901)
    assert told(world, "ExpiredRunning")["vastai", None] == 1
    stop(world, session_id)
    world.clock.tick(301)
    assert told(world, "StoppingAgeMax")["vastai", None] == 301
    assert told(world, "ExpiredRunning")["vastai", None] == 0


def test_the_market_is_told_by_what_the_newest_snapshot_says(world: World) -> None:
    """6.1: its age grows from the beginning of its fetch; the offers are not read for it."""
    world.clock.tick(90)
    assert told(world, "SnapshotAge") == {("vastai", None): 90}
    assert told(world, "OffersAvailable") == {("vastai", None): 1}
    assert told(world, "CircuitState") == {("vastai", None): 0}


class Lives:
    """Sessions to which random things happen."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.player = Player(world)
        self.number = 0

    def happen(self) -> None:
        acts: list[Callable[[], object]] = [self._begin, self._stop, self._vanish, self._strand]
        acts += [self._mood, self._refuse, *[self._go_on] * 14]
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

    def _go_on(self) -> None:
        for _ in range(3):
            self.player.next()


def total(world: World, metric: str) -> float:
    return sum(fact.metrics.get(metric, 0) for fact in world.facts)


def by_reason(world: World, metric: str) -> Counter[str | None]:
    return Counter(fact.reason for fact in world.facts if metric in fact.metrics)


@pytest.mark.parametrize("seed", range(3))
def test_after_random_lives_gauges_equal_the_table_and_counters_the_audit(
    market: World, seed: int
) -> None:
    """M-46, M-57, M-90, M-94, M-97: also while things are going on."""
    lives = Lives(market, seed)
    for step in range(150):
        lives.happen()
        if step % 15 == 0:
            counted = told(market, "SessionsActive")
            assert {key: n for key, n in counted.items() if n} == in_the_table(market)
    lives.calm_down()
    counted = told(market, "SessionsActive")
    assert {key: n for key, n in counted.items() if n} == in_the_table(market)
    _compare_counters(market)


def _compare_counters(world: World) -> None:
    every, audited = everything(world), Counter(world.operations())
    assert len(every) > 3, "something happened"
    assert total(world, "SessionsCreated") == audited["session_created"] == len(every)
    assert total(world, "SessionsEnded") == audited["session_destroyed"] == len(every)
    reasons = Counter(one.end_reason.value for one in every if one.end_reason)
    assert by_reason(world, "SessionsEnded") == reasons
    attempts = [one for session in every for one in session.attempts]
    launched = sum(1 for one in attempts if one.instance_id is not None)
    assert total(world, "InstancesLaunched") == launched
    again = sum(1 for one in attempts if one.number > 1 and one.called_at is not None)
    assert total(world, "RetryAttempts") == again
    found = total(world, "OrphansDetected") + total(world, "GhostsDetected")
    assert total(world, "ReconciliationMismatches") == found
    assert found == audited["orphan_detected"] + audited["ghost_detected"]
    took = sorted((one.ready_at - one.created_at).total_seconds() for one in every if one.ready_at)
    samples = [fact.metrics.get("ProvisioningDuration") for fact in world.facts]
    assert sorted(value for value in samples if value is not None) == took
