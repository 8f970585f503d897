"""Functions that die at any write or call: the session goes on, with one machine at most.

One story: a machine that stops right after its launch, its end, and another attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gpu_shopper.core.instances import Health, Instance, LaunchRequest
from gpu_shopper.core.states import State
from gpu_shopper.store import transactions
from tests.usecases.market import wanting_retries
from tests.usecases.player import Killed, Player
from tests.world import World

MOMENTS = 20
"""Before each write, and each call that changes something, in that part of the story."""


@dataclass
class Fuse:
    """Kills whoever passes the given moment; counts the moments while it is armed."""

    armed: Callable[[], bool]
    at: int = -1
    passed: int = 0

    def around[**P, R](self, act: Callable[P, R]) -> Callable[P, R]:
        """`act`, with a moment before it; the one after it is before what follows."""

        def fragile(*args: P.args, **kwargs: P.kwargs) -> R:
            self._pass()
            return act(*args, **kwargs)

        return fragile

    def _pass(self) -> None:
        if not self.armed():
            return
        self.passed += 1
        if self.passed - 1 == self.at:
            raise Killed


def stopped_at_first(world: World) -> None:
    """The machine of a first attempt shows itself stopped, later ones run."""
    rent = world.vast._rent

    def renting(request: LaunchRequest) -> Instance:
        instance = rent(request)
        if request.label.endswith("-1"):
            instance = replace(instance, health=Health.FAILED, status="exited")
            world.vast.instances[instance.id] = instance
        return instance

    world.vast._rent = renting  # type: ignore[method-assign]


def played(world: World, monkeypatch: pytest.MonkeyPatch, moment: int, **how: Any) -> Fuse:
    """Play until the session runs; one machine at most lives at any time, and then it is its own.

    The fuse is armed from the first launch until the second machine is the session's.
    """
    session_id = wanting_retries(world)
    stopped_at_first(world)

    def armed() -> bool:
        attempts = world.session(session_id).attempts
        return attempts[0].launched_at is not None and attempts[-1].instance_id in (None, "5001")

    fuse = Fuse(armed, moment)
    write_all = fuse.around(transactions.write_all)
    monkeypatch.setattr("gpu_shopper.store.sessions.write_all", write_all)
    for name in ("launch", "terminate", "attach_ssh_keys"):
        monkeypatch.setattr(world.vast, name, fuse.around(getattr(world.vast, name)))
    monkeypatch.setattr(world.machines, "start", fuse.around(world.machines.start))
    player = Player(world, **how)
    player.until(session_id, State.RUNNING)
    session = world.session(session_id)
    assert set(world.vast.instances) == {session.attempt.instance_id}
    assert player.most_alive == 1
    assert all(one.ended_at for one in session.attempts[:-1])
    launches = Counter(label for method, label in world.vast.calls if method == "launch")
    assert set(launches.values()) == {1}
    return fuse


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_function_that_dies_with_its_execution_leaves_one_machine_at_most(
    market: World, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """N-16, N-29, M-54: the sweep goes on where it died."""
    assert played(market, monkeypatch, moment).passed > moment


@pytest.mark.parametrize("moment", range(0, MOMENTS, 5))
def test_a_task_that_died_is_tried_again(
    market: World, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """N-29: by its state machine."""
    assert played(market, monkeypatch, moment, tries=2).passed > moment


def test_there_are_as_many_moments_as_are_tested(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert played(market, monkeypatch, -1).passed == MOMENTS


def test_steps_that_all_come_twice_do_their_work_once(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-29: and nothing is told twice."""
    played(market, monkeypatch, -1, deliveries=2)
    once = ("offer_failed", "attempt_failed", "instance_destroyed", "session_running")
    assert [market.operations().count(one) for one in once] == [1, 1, 1, 1]
