"""Gauges: what they tell is what the tables say, after whatever life the sessions had."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.core.states import State
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.reconcile import reconcile
from tests.usecases.lives import everything, told
from tests.usecases.story import running, stop, torn_down
from tests.world import World

ALL = {(provider, state.value) for provider in ("vastai", "tensordock") for state in State}


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


def test_a_session_that_is_still_read_as_it_was_before_its_end_counts_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-46: index and items may lag behind the row that tells the end."""
    session_id = running(world)
    before = world.session(session_id)
    stop(world, session_id)
    torn_down(world, session_id)
    monkeypatch.setattr(store, "live", lambda _table: iter([session_id]))
    monkeypatch.setattr(store, "get_many", lambda *_ids, consistent: {session_id: before})
    assert sum(told(world, "SessionsActive").values()) == 1


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
