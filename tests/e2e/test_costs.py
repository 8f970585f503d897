"""What a rental has cost: booked while it runs, at its end, and by many jobs at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import ceil, floor
from typing import Any

from local.api import Api
from tests.e2e.aws_view import counted
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import machines
from tests.e2e.receiver import is_signed, receiving
from tests.e2e.renting import Renting, Row, together, wish
from tests.e2e.stories import told_by

COSTS = "/api/v1/costs"
BUDGETS = "/api/v1/budgets"
BOOKED_WITHIN_S = 20.0
ALERTED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Billed:
    """One short session, and what the ledger said of it."""

    runs: list[Any]
    while_running: Row
    month_while_running: Row
    stopped: Row
    by_session: Row
    by_month: Row
    of_another: int
    counted: float
    compared: list[Row]
    budget: Row
    alerts: list[tuple[dict[str, str], bytes]]


def short_session(renting: Renting) -> Billed:
    rental, _ = renting.running()
    live = renting.live
    path = f"{COSTS}?session_id={rental.id}"
    runs = together(3, lambda _: live.functions.invoke("AccrueCostsFunction", {}))
    while_running = rental.caller.get(path)
    month_while_running = rental.caller.get(f"{COSTS}/summary")
    rental.done()
    stopped = rental.until("stopped")
    # The end is booked, and the metric counted, just after it is written.
    by_session = wait_for(partial(_final, rental.caller, path), BOOKED_WITHIN_S)
    booked = by_session["total_cost"]
    counts = wait_for(partial(_reached, live, rental.id, booked), BOOKED_WITHIN_S)
    summary = rental.caller.get(f"{COSTS}/summary")
    budget, alerts = _alerts(live, summary["consumer_id"])
    return Billed(
        runs=runs,
        while_running=while_running,
        month_while_running=month_while_running,
        stopped=stopped,
        by_session=by_session,
        by_month=summary,
        of_another=renting.consumer().send("GET", path).status_code,
        counted=counts,
        compared=_compared(live, stopped),
        budget=budget,
        alerts=alerts,
    )


def _final(caller: Api, path: str) -> Row | None:
    told: Row = caller.get(path)
    return told if told["final"] else None


def _reached(live: Deployed, session_id: str, booked: float) -> float | None:
    moved = counted(live, "CostAccrued", session_id)
    return moved if moved > booked - 1e-9 else None


def _alerts(live: Deployed, consumer_id: str) -> tuple[Row, list[tuple[dict[str, str], bytes]]]:
    """What the receiver of a budget gets that was spent before it was set; and its setting."""
    with receiving() as receiver:
        body = {"monthly_limit_usd": 0.000001, "webhook_url": receiver.url}
        answer = live.operator.send("PUT", f"{BUDGETS}/{consumer_id}", json=body)
        answer.raise_for_status()
        wait_for(lambda: len(receiver.got) >= 2, ALERTED_WITHIN_S)
    live.operator.delete(f"{BUDGETS}/{consumer_id}")
    return answer.json(), receiver.got


def _compared(live: Deployed, stopped: Row) -> list[Row]:
    """What the comparison with the provider's charges says of the session, day by day."""
    days = [stopped["attempts"][0][at][:10] for at in ("launched_at", "ended_at")]
    for day in dict.fromkeys(days):
        asked = {"provider": "vastai", "what": "charges", "day": day}
        live.functions.invoke("ReconcileFunction", asked)
    span = f"start_date={days[0]}&end_date={days[1]}&session_id={stopped['id']}"
    shown: list[Row] = live.operator.get(f"{COSTS}/reconciliation?{span}")["reconciliation"]
    return shown


def _cost(session: Row) -> float:
    """Price x billed seconds of the only attempt, as the contract says it."""
    (attempt,) = session["attempts"]
    start, end = (datetime.fromisoformat(attempt[at]) for at in ("launched_at", "ended_at"))
    seconds = ceil(end.timestamp()) - floor(start.timestamp())
    return float(attempt["price_per_hour"] * seconds / 3_600)


@told_by(short_session)
def test_a_short_session_costs_its_price_times_its_seconds(told: Billed) -> None:
    """BUG-064, N-40, M-51: to the micro-dollar, and the same wherever it is asked for."""
    total = told.by_session["total_cost"]
    assert abs(total - _cost(told.stopped)) <= 1e-6
    assert total == told.stopped["cost_usd"] == told.by_month["total_cost"] > 0
    assert told.by_session["final"] is True
    assert told.by_session["hours_used"] == round(told.by_session["hours_used"], 4) > 0
    assert told.by_month["session_count"] == 1
    assert list(told.by_month["by_gpu_type"]) == [told.stopped["gpu_type"]]


@told_by(short_session)
def test_the_provider_charges_what_is_booked_but_for_rounding_and_proof(told: Billed) -> None:
    """2.16: ours is the upper bound, by what is billed until the end is proven."""
    assert told.compared
    for row in told.compared:
        assert (row["basis"], row["provider"]) == ("charges", "vastai")
        assert row["charged_usd"] is not None
        assert row["difference_usd"] <= row["rounding_usd"] + 1e-9
        assert -row["difference_usd"] <= row["rounding_usd"] + row["proof_usd"] + 1e-9
    assert abs(sum(row["booked_usd"] for row in told.compared) - told.stopped["cost_usd"]) < 1e-6


@told_by(short_session)
def test_cost_jobs_at_once_book_it_once(told: Billed) -> None:
    """QA-M3, M-64: the metric grew by exactly what was billed."""
    assert all(run["failed"] == [] for run in told.runs)
    assert 0 < told.while_running["total_cost"] <= told.by_session["total_cost"]
    assert told.while_running["final"] is False
    running, month = told.while_running["total_cost"], told.month_while_running["total_cost"]
    assert running <= month <= told.by_month["total_cost"]
    assert abs(told.counted - told.by_session["total_cost"]) < 1e-9


@told_by(short_session)
def test_a_spent_budget_tells_its_receiver_which_can_trust_it(told: Billed) -> None:
    """N-45, N-46: both alerts, once each, signed."""
    told_of = [json.loads(body) for _, body in told.alerts]
    assert sorted(one["type"] for one in told_of) == ["budget.exceeded", "budget.warning"]
    for message, (headers, body) in zip(told_of, told.alerts, strict=True):
        assert is_signed(told.budget["webhook_secret"], headers, body)
        assert message["data"]["consumer_id"] == told.budget["consumer_id"]
        assert message["data"]["spent_usd"] > message["data"]["monthly_limit_usd"]


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


@dataclass(frozen=True)
class Rush:
    """Ten requests for one consumer at the same moment, under a limit that some fit into."""

    answers: list[tuple[int, Row]]
    budget: Row
    after: Row
    machines: int


def rush_on_a_budget(renting: Renting) -> Rush:
    live, caller = renting.live, renting.consumer()
    consumer_id = caller.get(f"{COSTS}/summary")["consumer_id"]
    path = f"{BUDGETS}/{consumer_id}"
    offers = [renting.offer() for _ in range(10)]
    limit = round(sum(sorted(one["price_per_hour"] for one in offers)[:5]), 6)
    body = {"monthly_limit_usd": limit, "enforce": True}
    live.operator.send("PUT", path, json=body).raise_for_status()

    def ask(number: int) -> tuple[int, Row]:
        wanted = wish(offers[number], consumer_id=consumer_id)
        answer = live.operator.send("POST", "/api/v1/sessions", json=wanted)
        return answer.status_code, answer.json()

    answers = together(10, ask)
    budget = caller.get(path)
    mine = [renting.follow(caller, body["session"]) for status, body in answers if status == 201]
    for rental in mine:
        rental.end()
    for rental in mine:
        costs = f"{COSTS}?session_id={rental.id}"
        wait_for(partial(_final, live.operator, costs), BOOKED_WITHIN_S)
    rented = sum(len(machines(live, one.id)) for one in mine)
    return Rush(answers, budget, caller.get(path), rented)


@told_by(rush_on_a_budget)
def test_requests_at_once_cannot_overspend_a_budget_together(told: Rush) -> None:
    """N-44: those that fit are created, the others refused with the numbers."""
    created = [body["session"] for status, body in told.answers if status == 201]
    refused = [body for status, body in told.answers if status == 403]
    assert len(created) + len(refused) == 10
    assert created
    assert {body["error_type"] for body in refused} == {"budget_exceeded"}
    reserved = sum(one["price_per_hour"] for one in created)
    limit = told.budget["monthly_limit_usd"]
    assert reserved <= limit + 1e-9
    for body in refused:
        needed = body["spent_usd"] + body["reserved_usd"] + body["requested_usd"]
        assert needed > body["monthly_limit_usd"] == limit
    assert told.machines <= len(created)


@told_by(rush_on_a_budget)
def test_what_has_ended_reserves_nothing(told: Rush) -> None:
    """N-44: an ended session frees its rest, and what it cost is spent."""
    assert told.after["reserved_usd"] == 0
    assert told.after["spent_usd"] < told.budget["monthly_limit_usd"]
