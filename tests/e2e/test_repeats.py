"""Requests that are sent again, and an operator who lets a session live longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted, executions_of
from tests.e2e.renting import Renting, Row, another, together, wish
from tests.e2e.stories import told_by

KEY = {"Idempotency-Key": "an-order.of_20"}
SESSIONS = "/api/v1/sessions"
WHY = "a training run that needs a day"

type Answer = tuple[int, Any]


@dataclass(frozen=True)
class Repeated:
    """Twenty equal requests at once, one later, one with another body; then longer life."""

    at_once: list[Answer]
    settled: list[Answer]
    later: Answer
    other_body: Answer
    running: Row
    listed: int
    launches: int
    executions: list[Row]
    created: float
    answers: dict[str, Answer]
    overridden: list[Row]


def twenty_repeats(renting: Renting) -> Repeated:
    live, offer, caller = renting.live, renting.offer(), renting.consumer()
    consumer_id = caller.get("/api/v1/costs/summary")["consumer_id"]

    def post(_: int, **more: Any) -> Answer:
        """By an operator for the consumer, who may not ask so often itself."""
        body = wish(offer, consumer_id=consumer_id, **more)
        answer = another(live.operator).send("POST", SESSIONS, json=body, headers=KEY)
        return answer.status_code, answer.json()

    at_once = together(20, post)
    settled = [post(0) if one[0] == 409 else one for one in at_once]
    rental = renting.follow(caller, settled[0][1]["session"])
    running = rental.until("running")
    facts = Repeated(
        at_once=at_once,
        settled=settled,
        later=post(0),
        other_body=post(0, reservation_hours=2),
        running=running,
        listed=caller.get(SESSIONS)["count"],
        launches=len(provider.launches(live, rental.offer_id)),
        executions=executions_of(live, rental.id, "provision"),
        created=counted(live, "SessionsCreated", rental.id),
        answers=_longer_life(renting, rental.path),
        overridden=audit(live, rental.id, "hard_max_overridden"),
    )
    rental.end()
    return facts


def _longer_life(renting: Renting, path: str) -> dict[str, Answer]:
    """1 h reserved: refused, overridden to 14 h, extended to it, refused; each by its name."""
    operator = renting.live.operator

    def post(what: str, **body: Any) -> Answer:
        answer = operator.send("POST", f"{path}/{what}", json=body)
        return answer.status_code, answer.json()

    return {
        "early": post("extend", additional_hours=12),
        "override": post("override", max_hours=14, reason=WHY),
        "extend": post("extend", additional_hours=13),
        "beyond": post("extend", additional_hours=1),
    }


@told_by(twenty_repeats)
def test_twenty_equal_requests_at_once_make_one_session(told: Repeated) -> None:
    """N-10, N-8: each 201 with it, or a conflict that turns into it."""
    assert {status for status, _ in told.at_once} <= {201, 409}
    refused = [body["error_type"] for status, body in told.at_once if status == 409]
    assert set(refused) <= {"conflict"}
    assert {status for status, _ in told.settled} == {201}
    assert {body["session"]["id"] for _, body in told.settled} == {told.running["id"]}
    assert (told.listed, told.launches, len(told.executions)) == (1, 1, 1)
    assert told.created == 1


@told_by(twenty_repeats)
def test_every_repeat_shows_the_same_private_key_and_the_session_as_it_is(
    told: Repeated,
) -> None:
    """N-11."""
    assert len({body["ssh_private_key"] for _, body in told.settled}) == 1
    status, body = told.later
    assert (status, body["session"]["status"]) == (201, "running")
    assert body["ssh_private_key"] == told.settled[0][1]["ssh_private_key"]
    assert "PRIVATE KEY" in body["ssh_private_key"]


@told_by(twenty_repeats)
def test_the_same_key_with_another_body_is_a_mismatch(told: Repeated) -> None:
    """N-9."""
    status, body = told.other_body
    assert (status, body["error_type"]) == (422, "idempotency_mismatch")
    assert told.running["id"] not in str(body)


@told_by(twenty_repeats)
def test_extensions_reach_what_an_operator_allowed_and_no_further(told: Repeated) -> None:
    """N-39."""
    outcomes = {
        name: (status, body.get("error_type")) for name, (status, body) in told.answers.items()
    }
    assert outcomes == {
        "early": (400, "hard_max_exceeded"),
        "override": (200, None),
        "extend": (200, None),
        "beyond": (400, "hard_max_exceeded"),
    }
    override, extended = told.answers["override"][1], told.answers["extend"][1]
    assert override["expires_at"] == told.running["expires_at"]
    assert (override["hard_max_hours"], extended["reservation_hours"]) == (14, 14)
    assert extended["new_expires_at"] == override["hard_max_at"]


@told_by(twenty_repeats)
def test_an_override_is_audited_with_who_why_and_both_values(told: Repeated) -> None:
    """N-39."""
    (line,) = told.overridden
    assert (line["key_id"], line["reason"]) == ("operator", WHY)
    hours = line["details"]["old_max_hours"], line["details"]["new_max_hours"]
    assert hours == (12, 14)
