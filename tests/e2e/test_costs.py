"""What a rental has cost: booked while it runs, at its end, and by many jobs at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor
from typing import Any

from tests.e2e.aws_view import counted
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Renting, Row, together
from tests.e2e.stories import told_by

COSTS = "/api/v1/costs"


@dataclass(frozen=True)
class Billed:
    """One short session, and what the ledger said of it."""

    runs: list[Any]
    while_running: Row
    stopped: Row
    by_session: Row
    by_month: Row
    of_another: int
    counted: float


def short_session(renting: Renting) -> Billed:
    rental, _ = renting.running()
    live = renting.live
    path = f"{COSTS}?session_id={rental.id}"
    runs = together(3, lambda _: live.functions.invoke("AccrueCostsFunction", {}))
    while_running = rental.caller.get(path)
    rental.done()
    stopped = rental.until("stopped")
    return Billed(
        runs=runs,
        while_running=while_running,
        stopped=stopped,
        by_session=rental.caller.get(path),
        by_month=rental.caller.get(f"{COSTS}/summary"),
        of_another=renting.consumer().send("GET", path).status_code,
        counted=counted(live, "CostAccrued", rental.id),
    )


def _cost(session: Row) -> float:
    """Price x billed seconds of the only attempt, as the contract says it."""
    (attempt,) = session["attempts"]
    start, end = (datetime.fromisoformat(attempt[at]) for at in ("launched_at", "ended_at"))
    seconds = ceil(end.timestamp()) - floor(start.timestamp())
    return float(attempt["price_per_hour"] * seconds / 3_600)


@told_by(short_session)
def test_a_short_session_costs_its_price_times_its_seconds(told: Billed) -> None:
    """BUG-064, N-40: to the micro-dollar, and the same wherever it is asked for."""
    total = told.by_session["total_cost"]
    assert abs(total - _cost(told.stopped)) <= 1e-6
    assert total == told.stopped["cost_usd"] == told.by_month["total_cost"] > 0
    assert told.by_session["final"] is True
    assert told.by_month["session_count"] == 1
    assert list(told.by_month["by_gpu_type"]) == [told.stopped["gpu_type"]]


@told_by(short_session)
def test_cost_jobs_at_once_book_it_once(told: Billed) -> None:
    """QA-M3, M-64: the metric grew by exactly what was billed."""
    assert all(run["failed"] == [] for run in told.runs)
    assert 0 < told.while_running["total_cost"] <= told.by_session["total_cost"]
    assert told.while_running["final"] is False
    assert abs(told.counted - told.by_session["total_cost"]) < 1e-9


@told_by(short_session)
def test_nobody_else_sees_what_it_cost(told: Billed) -> None:
    """M-49."""
    assert told.of_another == 404


def test_impossible_days_are_refused_by_name(live: Deployed) -> None:
    """QA-M5, M-39, M-56."""
    for query, field in (
        ("start_date=2026-13-01", "start_date"),
        ("end_date=2026-02-30", "end_date"),
        ("start_date=2026-02-02&end_date=2026-02-01", "end_date"),
        ("period=weekly", "period"),
    ):
        answer = live.consumer.send("GET", f"{COSTS}?{query}")
        assert answer.status_code == 400
        assert [one["field"] for one in answer.json()["details"]] == [field]
