"""How requests are timed, and what is told apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.core.botocore_stubber import BotocoreStubber

from bench.inventory import MotoClock, Requests
from tests.world import a_world


@pytest.fixture
def moto_clock() -> Iterator[MotoClock]:
    plain = BotocoreStubber.process_request
    yield MotoClock()
    setattr(BotocoreStubber, "process_request", plain)  # noqa: B010 - mypy: a method is assigned


def test_what_moto_takes_is_a_part_of_what_the_request_takes(moto_clock: MotoClock) -> None:
    requests = Requests(moto_clock)
    with a_world(moto_lags=False) as world:
        requests.time(world.publish)
        requests.time(lambda: None)
    assert 0 < requests.moto[0] < requests.took[0]
    assert requests.moto[1] == 0


@pytest.mark.parametrize(("goal_ms", "missed"), [(None, False), (20, False), (19, True)])
def test_a_goal_is_missed_by_a_median_above_it(
    moto_clock: MotoClock, goal_ms: int | None, missed: bool
) -> None:
    requests = Requests(moto_clock, took=[1, 20, 90], moto=[0, 0, 0])
    assert requests.print("warm", goal_ms) is missed
