"""Judged last, over everything that the other tests made the shared world do."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest
import requests

from local import aws
from local.stack import outputs
from tests.e2e.aws_view import executions, log_lines
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.renting import TERMINAL, Rental, Renting, Row

pytestmark = pytest.mark.last

WORD = re.compile(r"[a-z]+(_[a-z]+)*")
DATED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
NO_INSTANT = re.compile(r'"(0001|1970|1601)-\d\d-\d\dT')
# A machine is usable this long after its creation, by the simulator's knobs null_s and loading_s.
BOOT_S = 0.3
BOOKED_WITHIN_S = 30


@pytest.fixture(autouse=True)
def _something_to_judge(renting: Renting) -> None:
    if not renting.rentals:
        pytest.skip("nothing was rented in this run")


def _bodies(live: Deployed) -> list[tuple[requests.Response, Row]]:
    return [(answer, answer.json()) for answer in live.answers if answer.content]


def _is_creation(answer: requests.Response) -> bool:
    return answer.request.method == "POST" and answer.status_code == 201


def test_every_error_has_one_shape(live: Deployed) -> None:
    """N-50, QA-H5."""
    errors = [(a, body) for a, body in _bodies(live) if a.status_code >= 400]
    assert errors
    for answer, body in errors:
        if answer.request.path_url.endswith(("/health", "/ready")):
            continue
        assert WORD.fullmatch(body["error_type"])
        assert body["error"]
        assert body["request_id"] == answer.headers["X-Request-ID"]
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"


def _values(value: object) -> Iterator[object]:
    """Every text and number in a JSON value."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _values(part)
    else:
        yield value


def test_every_instant_ends_in_z_and_no_amount_is_finer_than_a_micro_dollar(
    live: Deployed,
) -> None:
    """N-56, M-10: in every answer and every line of our own logs."""
    lines = [json.loads(line) for line in log_lines(live) if line.startswith("{")]
    bodies = [body for _, body in _bodies(live)]
    instants = {
        one for one in _values([*bodies, *lines]) if isinstance(one, str) and DATED.match(one)
    }
    assert len(instants) > 10
    assert [one for one in instants if not INSTANT.fullmatch(one)] == []
    amounts = {one for one in _values(bodies) if isinstance(one, float)}
    assert [one for one in amounts if round(one, 6) != one] == []


def test_no_answer_was_an_error_of_ours(live: Deployed) -> None:
    """QA-H2: 500, 502 and 504 are never the answer to what a caller does."""
    statuses = {answer.status_code for answer in live.answers}
    assert statuses & {500, 502, 504} == set()


def test_no_answer_shows_an_instant_that_never_was(live: Deployed) -> None:
    """M-10."""
    assert [a.text for a in live.answers if NO_INSTANT.search(a.text)] == []


def test_all_that_was_rented_is_gone_and_paid_for(live: Deployed, renting: Renting) -> None:
    """CRIT-1, QA-H3: sessions terminal, machines gone, executions ended, costs not below bills."""
    mine = {rental.id: rental for rental in renting.rentals}
    for rental in mine.values():
        if rental.now()["status"] not in TERMINAL:
            rental.end()
    wait_for(lambda: not [e for e in executions(live) if e["status"] == "RUNNING"], 60)
    bills = live.simulator.get("/_test/instances")["instances"]
    for session_id, rental in mine.items():
        machines = [one for one in bills if session_id in (one["label"] or "")]
        assert not any(one["alive"] for one in machines)
        if len(machines) == 1:
            billed = machines[0]["billed_usd"] - 1e-6
            # What came back after the end is booked to its proof only by a later pass.
            wait_for(partial(_has_cost, rental, billed), BOOKED_WITHIN_S)


def _has_cost(rental: Rental, at_least_usd: float) -> bool:
    return bool(rental.now()["cost_usd"] >= at_least_usd)


def test_the_calls_of_all_functions_stood_in_the_lines_of_their_endpoints(
    live: Deployed, renting: Renting
) -> None:
    """Providers 5.0: by their own roles; a terminate without that right would go unspaced."""
    table = outputs(live.endpoints.emulator_url)["OperationsTableName"]
    dynamodb = aws.client("dynamodb", live.endpoints.emulator_url)
    rows = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "PACE#vastai"}},
    )["Items"]
    lines = {row["sk"]["S"]: row for row in rows}
    assert set(lines) >= {"create", "attach", "find", "list", "destroy"}
    assert "search" not in lines
    assert "ends_at_ms" in lines["destroy"]


def test_measure(live: Deployed, renting: Renting, measured: list[str]) -> None:
    """Printed at the end of the run; a busy machine must not fail it."""
    lags = sorted(_lags(live, renting))
    posts = [
        a for a in live.answers if _is_creation(a) and a.request.path_url.endswith("/sessions")
    ]
    took_ms = [answer.elapsed.total_seconds() * 1000 for answer in posts]
    measured.append(
        f"SSH reachable to running: median {statistics.median(lags):.2f} s of {len(lags)} sessions"
    )
    measured.append(f"POST /sessions: median {statistics.median(took_ms):.0f} ms of {len(posts)}")
    assert lags


def _lags(live: Deployed, renting: Renting) -> list[float]:
    """Seconds from a machine that can be logged in to, to a session that says so."""
    created = {
        one["id"]: datetime.fromisoformat(one["created"])
        for one in live.simulator.get("/_test/instances")["instances"]
    }
    sessions = (rental.now() for rental in renting.rentals)
    return [
        (
            datetime.fromisoformat(one["ready_at"]) - created[one["provider_instance_id"]]
        ).total_seconds()
        - BOOT_S
        for one in sessions
        if "ready_at" in one
    ]
