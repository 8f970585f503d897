"""The second line: a schedule of each session's own, on the emulator's real scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gpu_shopper.core.instants import to_text
from local import aws
from local.stack import outputs
from tests.e2e import provider
from tests.e2e.aws_view import entries, timers_of
from tests.e2e.deployed import Deployed, wait_for
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
    """A session whose hard max passed, ended by its timer."""

    stopped: Row
    looks: list[Row]
    machine: Row


def outlived(renting: Renting) -> Outlived:
    live = renting.live
    rental, _ = renting.running()
    (timer,) = timers_of(live, rental.id)
    _let_hard_max_pass(live, rental.id)
    _set_now(live, f"{rental.id}-now", timer)
    stopped = rental.until("stopped")
    looks = wait_for(lambda: entries(live, session_id=rental.id, message="hard stop"), 60)
    return Outlived(stopped, looks, provider.machine_of(live, rental))


def _let_hard_max_pass(live: Deployed, session_id: str) -> None:
    """Twelve hours in a moment; the version keeps writers that had read before from undoing it."""
    table = outputs(live.endpoints.emulator_url)["SessionsTableName"]
    aws.client("dynamodb", live.endpoints.emulator_url).update_item(
        TableName=table,
        Key={"pk": {"S": f"SESSION#{session_id}"}, "sk": {"S": "SESSION"}},
        UpdateExpression="SET hard_max_at = :now ADD version :one",
        ExpressionAttributeValues={":now": {"S": to_text(datetime.now(UTC))}, ":one": {"N": "1"}},
    )


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
    """M-7, I8: schedule, its role, the function and the function's role."""
    assert told.stopped["end_reason"] == "hard_max"
    assert len(told.looks) == 1
    assert not told.machine["alive"]
