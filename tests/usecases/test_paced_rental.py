"""Whole rentals at a provider that refuses every call that comes too soon, on its own clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.core.pacing import Pace
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State
from gpu_shopper.errors.provider import RateLimited
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.inventory import list_offers
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.pacing import Pacer
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.refresh import refresh_inventory
from gpu_shopper.usecases.teardown import ask
from gpu_shopper.usecases.verify import verify
from tests.builders import PUBLIC_KEY
from tests.fakes import FakeProbe
from tests.metering import auditing, silent
from tests.providers.simulator_rig import (
    TENSORDOCK,
    VASTAI,
    Played,
    SimulatorRig,
    adapter,
    simulator,
)
from tests.providers.stub import Turns
from tests.usecases.story import stop, torn_down
from tests.world import Clock, World, a_world

Row = dict[str, Any]
SESSIONS = 3
ROUNDS = 60
STRANGERS = 60  # three pages of other people's machines on the account
LIMITS: dict[str, Any] = {"vastai": "vast_intervals", "tensordock": 1}


class SimulatedClock(Clock):
    """The simulator's clock, which stands still until somebody waits."""

    def __init__(self, at: datetime, rig: SimulatorRig) -> None:
        super().__init__(at)
        self._rig = rig

    def tick(self, seconds: float) -> None:
        self._rig.control("POST", "/clock", {"advance_s": seconds})
        super().tick(seconds)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator(200) as address:
        yield address


@pytest.fixture
def world() -> Iterator[World]:
    """With lines as in production; the age of evidence is short, so that tests are."""
    with a_world(Settings(absence_min_age_s=4, tensordock_ssh_delay_s=2)) as made:
        yield made


def rent_and_end(world: World, url: str, played: Played, pace: Pace | None = None) -> list[Row]:
    """Three sessions at once, reconciled meanwhile, all ended at once; what the provider saw."""
    rig = SimulatorRig(url, played)
    name = _wire(world, rig, pace)
    for number in range(STRANGERS):
        rig.control("POST", "/orphan", {"provider": name, "label": f"stranger-{number}"})
    rig.control("POST", "/config", {"rate_limit": LIMITS[name]})
    refresh_inventory(world.deps, name)
    menu = list_offers(world.deps, (name,), Filters(), Sort.PRICE, SESSIONS, 0).page
    sessions = [
        world.create(provider=name, offer_id=one.offer.id, ssh_timeout_min=30).session.id
        for one in menu
    ]
    _play(world, name, sessions)
    assert {world.session(one).state for one in sessions} == {State.RUNNING}
    for session_id in sessions:
        stop(world, session_id)
    for session_id in sessions:
        ask(world.deps, session_id, 1)
    for session_id in sessions:
        torn_down(world, session_id)
    assert {world.session(one).state for one in sessions} == {State.STOPPED}
    rows: list[Row] = rig.control("GET", "/requests")["requests"]
    return rows


def _play(world: World, provider: str, sessions: list[str]) -> None:
    """Provision all sessions side by side."""
    steps = dict.fromkeys(sessions, "launch")
    for _ in range(ROUNDS):
        for session_id, step in steps.items():
            steps[session_id] = STEPS[step](world, session_id)
        reconcile(world.deps, provider)
        world.clock.tick(2)
        if set(steps.values()) == {"done"}:
            return


STEPS: dict[str, Callable[[World, str], str]] = {
    "launch": lambda world, session_id: launch(world.deps, session_id, 1).outcome,
    "look": lambda world, session_id: look(world.deps, session_id, 1).outcome,
    "verify": lambda world, session_id: verify(world.deps, FakeProbe(), session_id, 1).outcome,
    "done": lambda world, session_id: "done",
}


def _wire(world: World, rig: SimulatorRig, pace: Pace | None) -> str:
    """The provider as in production; whoever waits moves the simulator's clock. Gives its name."""
    settings, operations, name = world.deps.settings, world.deps.operations, rig.played.name
    stopped_at = rig.control("POST", "/clock", {"speed": 0})["now"]
    clock = SimulatedClock(datetime.fromisoformat(stopped_at), rig)
    pacer = pace or Pacer(name, operations, clock, clock.tick, settings)
    guarded = GuardedProvider(
        adapter(rig.url, rig.played, pacer),
        operations,
        clock,
        settings,
        silent("vastai"),
        auditing(world.deps),
    )
    world.clock = clock
    world.deps = replace(
        world.deps,
        now=clock,
        enabled_providers=(name,),
        provider=lambda _name: guarded,
        new_pair=lambda comment: KeyPair(f"private {comment}", PUBLIC_KEY),
    )
    return name


def test_vast_ai_refuses_no_call_for_coming_too_soon(world: World, url: str) -> None:
    """5.0, 1.9: launch, attach, look, list, terminate and prove with its real intervals."""
    requests = rent_and_end(world, url, VASTAI)
    assert not [row for row in requests if row["status"] == 429]
    counts = Counter(row["operation"] for row in requests)
    assert set(counts) >= {"search", "create", "attach_key", "get", "list", "destroy"}
    assert counts["create"] == SESSIONS <= counts["destroy"]


def test_without_spacing_it_refuses_calls(world: World, url: str) -> None:
    """So the test above tests something."""
    rig = SimulatorRig(url)
    _wire(world, rig, Turns())
    rig.control("POST", "/config", {"rate_limit": LIMITS["vastai"]})
    rig.provider.list_instances()
    with pytest.raises(RateLimited):
        rig.provider.list_instances()


def test_tensordock_is_called_once_a_second_but_for_ends(world: World, url: str) -> None:
    """5.0: all its endpoints together."""
    requests = rent_and_end(world, url, TENSORDOCK)
    assert not [row for row in requests if row["status"] == 429]
    usual = [datetime.fromisoformat(row["at"]) for row in requests if row["method"] != "DELETE"]
    assert len(usual) > SESSIONS * 3
    assert min(later - earlier for earlier, later in pairwise(usual)) >= timedelta(seconds=1)
