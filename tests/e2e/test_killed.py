"""Sweeps that overlap, of which one is killed: one effect each, and the next is not held up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from local.functions import FunctionFailed
from tests.e2e import provider
from tests.e2e.aws_view import events
from tests.e2e.deployed import DEPLOYMENT_ID, Deployed, wait_for
from tests.e2e.hours import move
from tests.e2e.provider import break_it, broken, plant
from tests.e2e.renting import Renting, Row, together
from tests.e2e.workers import kill, workers

AT_ONCE = 5
KILLED = 2  # one of them may be waiting: a schedule may have made a sixth
SLOW = {"type": "latency", "ms": 2500}
VASTAI = {"provider": "vastai"}
# A lease, had one been left behind, would hold up the next run for longer.
NEXT_RUN_S = 20.0


def _runs_of_which_some_are_killed(
    live: Deployed, logical_id: str, event: Row, in_the_middle: Callable[[], Any]
) -> list[Any]:
    """What the runs returned that were begun at once; None for those that were ended."""

    def run(_: int) -> Any:
        return live.functions.invoke(logical_id, event)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(run, number) for number in range(AT_ONCE)]
        in_the_middle()
        for pid in workers(live, logical_id)[:KILLED]:
            kill(pid)
        return [_result(one) for one in running]


def _start_workers(live: Deployed, logical_id: str, event: Row) -> None:
    """One for each of the runs, so that they begin together."""
    together(AT_ONCE, lambda _: live.functions.invoke(logical_id, event))


def _result(run: Future[Any]) -> Any:
    try:
        return run.result()
    except FunctionFailed:
        return None


def _listing(live: Deployed) -> bool:
    asked = provider.requests(live, "GET", "/api/v1/instances/")
    return any(one["status"] is None for one in asked)


def _operations(live: Deployed, session_id: str) -> list[str]:
    """What is recorded of a session, in order."""
    return [one["operation"] for one in events(live, session_id)]


@pytest.fixture
def rough(rough_renting: Renting) -> Renting:
    """The rough world: nobody else's runs are killed there."""
    return rough_renting


def test_orphan_and_ghost_are_ended_once_by_passes_of_which_one_is_killed(rough: Renting) -> None:
    """QA-C3, N-29: in the middle of their listings; the next pass is complete at once."""
    live, lost = rough.live, str(uuid.uuid4())
    rental, running = rough.running()
    _start_workers(live, "ReconcileFunction", VASTAI)
    with broken(live, SLOW, operation="list", provider="vastai"):
        break_it(live, "vanish", match={"instance_id": running["provider_instance_id"]})
        orphan = plant(live, f"shopper-{DEPLOYMENT_ID}-{lost}-1")
        results = _runs_of_which_some_are_killed(
            live, "ReconcileFunction", VASTAI, lambda: wait_for(lambda: _listing(live), 10)
        )
    assert 1 <= results.count(None) <= KILLED
    began = time.monotonic()
    assert live.sweep("ReconcileFunction")["complete"] is True
    assert time.monotonic() - began < NEXT_RUN_S

    def is_over() -> bool:
        live.sweep("ReconcileFunction")
        gone = "orphan_destroyed" in _operations(live, lost)
        return gone and rental.now()["status"] in ("stopped", "failed")

    wait_for(is_over, 90)
    live.sweep("ReconcileFunction")
    assert not provider.machine(live, orphan)["alive"]
    told = _operations(live, lost)
    assert (told.count("orphan_detected"), told.count("orphan_destroyed")) == (1, 1)
    told = _operations(live, rental.id)
    once = ("ghost_detected", "ghost_fixed", "session_destroyed")
    assert [told.count(one) for one in once] == [1, 1, 1]


def test_a_session_expires_once_by_sweeps_of_which_one_is_killed(rough: Renting) -> None:
    """QA-C3, CRIT-4, N-29."""
    live = rough.live
    rental, _ = rough.running()
    _start_workers(live, "ExpireSessionsFunction", {})
    now = datetime.now(UTC)
    move(live, rental.id, expires_at=now, due_at=now)
    results = _runs_of_which_some_are_killed(live, "ExpireSessionsFunction", {}, lambda: None)
    assert results.count(None) <= KILLED
    began = time.monotonic()
    live.sweep("ExpireSessionsFunction")
    assert time.monotonic() - began < NEXT_RUN_S
    stopped = rental.until("stopped")
    assert stopped["end_reason"] == "expired"
    told = _operations(live, rental.id)
    assert [told.count(one) for one in ("session_expired", "session_destroyed")] == [1, 1]
    machine = provider.machine_of(live, rental)
    assert not machine["alive"]
    assert stopped["cost_usd"] >= machine["billed_usd"]
