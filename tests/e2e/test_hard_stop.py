"""The second line: a schedule of each session's own, on the emulator's real scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local import aws
from tests.e2e import provider
from tests.e2e.aws_view import timers_of
from tests.e2e.deployed import Deployed
from tests.e2e.hours import move
from tests.e2e.renting import Renting, Row
from tests.e2e.stories import told_by


def timed(renting: Renting) -> tuple[Row, list[Row], list[Row]]:
    rental, running = renting.running()
    timers = timers_of(renting.live, rental.id)
    rental.end()
    return running, timers, timers_of(renting.live, rental.id)


@told_by(timed)
def test_a_session_has_a_timer_from_its_launch_to_its_proven_end(
    told: tuple[Row, list[Row], list[Row]],
) -> None:
    """2.15, N-62: with the functions' own roles."""
    running, timers, after = told
    (timer,) = timers
    at = datetime.fromisoformat(timer["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)
    wait = at - datetime.fromisoformat(running["hard_max_at"])
    assert timedelta(seconds=120) <= wait <= timedelta(seconds=121)
    assert timer["GroupName"].endswith("-hard-stops")
    assert after == []


@dataclass(frozen=True)
class Outlived:
    """A session whose hard max passed while no sweep looked, ended by a timer like its own."""

    stopped: Row
    waiting: list[str]
    machine: Row


def outlived(renting: Renting) -> Outlived:
    live = renting.live
    rental, _ = renting.running()
    (timer,) = timers_of(live, rental.id)
    now = datetime.now(UTC)
    move(live, rental.id, hard_max_at=now, due_at=now + timedelta(hours=1))
    _set_now(live, f"{rental.id}-now", timer)
    stopped = rental.until("stopped")
    waiting = [one["Name"] for one in timers_of(live, rental.id)]
    return Outlived(stopped, waiting, provider.machine_of(live, rental))


def _set_now(live: Deployed, name: str, timer: Row) -> None:
    """A timer like the session's own that is due."""
    aws.client("scheduler", live.endpoints.emulator_url).create_schedule(
        Name=name,
        GroupName=timer["GroupName"],
        ScheduleExpression=f"at({datetime.now(UTC):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=timer["Target"],
    )


@told_by(outlived)
def test_a_timer_that_fires_ends_its_session_by_the_hard_max(told: Outlived) -> None:
    """M-7, I8: schedule, its role, the function and the function's role.

    Its log proves nothing: the emulator may show a line only with the function's next run.
    """
    assert told.stopped["end_reason"] == "hard_max"
    assert f"{told.stopped['id']}-now" not in told.waiting
    assert not told.machine["alive"]
