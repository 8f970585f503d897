"""Launches counted per location, by one conditional write each."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.location_stats import counts_since, location_confidence
from gpu_shopper.store import inventory
from gpu_shopper.store import location_stats as store
from tests.builders import SETTINGS, later
from tests.world import World

HERE, THERE = "1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f", "2a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f"
OK, NO = True, False


@pytest.fixture
def table(world: World) -> Any:
    return world.deps.inventory.table


def count(table: Any, accepted: bool, seconds: float = 0, location_id: str = HERE) -> None:
    at = later(seconds)
    since = counts_since(at, SETTINGS)
    store.count_launch(table, "tensordock", location_id, accepted=accepted, at=at, since=since)


def trust(world: World, seconds: float = 0, location_id: str = HERE) -> float:
    """As a reader sees it: in the rows of the one query."""
    view = inventory.view(world.deps.inventory, world.deps.snapshots, "tensordock")
    return location_confidence(view.locations[location_id], later(seconds), SETTINGS)


@pytest.mark.parametrize(
    ("history", "confidence"),
    [
        ([NO], 0.05),
        ([NO] * 3, 0.05),
        ([OK, NO] * 5, 0.25),
        ([OK, NO] * 5 + [OK] * 10, 0.75),
        ([OK] * 3, 1.00),
        ([OK, NO], 0.25),
        ([NO, OK], 0.50),
    ],
)
def test_every_launch_counts_once(world: World, history: list[bool], confidence: float) -> None:
    """N-60: the contract's histories."""
    for second, accepted in enumerate(history):
        count(world.deps.inventory.table, accepted, second)
    assert trust(world, 60) == pytest.approx(confidence)


def test_a_launch_after_thirty_minutes_begins_anew(world: World, table: Any) -> None:
    """N-60: evaluated before every write; after exactly 30 min the old ones still count."""
    for _ in range(3):
        count(table, NO)
        count(table, NO, location_id=THERE)
    count(table, OK, 1_800)
    count(table, OK, 1_800.001, THERE)
    assert trust(world, 1_800) == pytest.approx(0.25)
    assert trust(world, 1_801, THERE) == 1.0


def test_each_launch_keeps_the_location_for_another_thirty_minutes(
    world: World, table: Any
) -> None:
    for minutes in (0, 20, 40):
        count(table, NO, minutes * 60)
    assert trust(world, 70 * 60) == 0.05


def test_a_first_launch_that_another_function_overtakes_is_not_lost(
    world: World, table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.4: shared by all functions; between the two forms of the write another one may come."""
    write, others = store._update, [OK]

    def overtaken(*write_of: Any) -> bool:
        done = write(*write_of)
        if not done and others:
            count(table, others.pop())
        return done

    monkeypatch.setattr(store, "_update", overtaken)
    count(table, NO)
    assert trust(world) == 0.25


def test_a_location_is_removed_after_it_has_stopped_counting(table: Any) -> None:
    count(table, OK)
    (row,) = [one for one in table.scan()["Items"] if one["sk"].startswith("LOCATION#")]
    assert row["ttl"] == int(later(1_800).timestamp()) + 1
