"""Ending sessions: asked once or often, and against a provider that does not want to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import requests

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted, events, executions_of
from tests.e2e.deployed import wait_for
from tests.e2e.provider import break_it, broken
from tests.e2e.renting import Renting, Row, another, provider_id, together
from tests.e2e.stories import told_by


@dataclass(frozen=True)
class Ending:
    """One session's end as its caller, AWS and the provider saw it."""

    answers: list[tuple[int, Row]]
    stopped: Row
    machines: list[Row]
    destroys: int
    executions: list[Row]
    stopping_told: list[Row]
    events: list[Row]
    ended_count: float


def _ending(renting: Renting, session: Row, answers: list[tuple[int, Row]]) -> Ending:
    live, session_id = renting.live, session["id"]
    machines = provider.machines(live, session_id)
    return Ending(
        answers=answers,
        stopped=session,
        machines=machines,
        destroys=sum(len(provider.destroys(live, one["id"])) for one in machines),
        executions=executions_of(live, session_id, "teardown"),
        stopping_told=audit(live, session_id, "session_stopping"),
        events=events(live, session_id),
        ended_count=counted(live, "SessionsEnded", session_id),
    )


def ten_deletes(renting: Renting) -> Ending:
    rental, running = renting.running()

    def delete(_: int) -> tuple[int, Row]:
        answer = another(rental.caller).send("DELETE", rental.path)
        return answer.status_code, answer.json()

    match = {"instance_id": running["provider_instance_id"]}
    with broken(renting.live, "destroy_ignored", match=match):  # or the first could end it
        answers = together(10, delete)
    return _ending(renting, rental.until("stopped"), answers)


@told_by(ten_deletes)
def test_ten_deletes_at_once_are_one_end(told: Ending) -> None:
    """M-6."""
    assert {status for status, _ in told.answers} == {202}
    assert {body["status"] for _, body in told.answers} == {"stopping"}
    assert len(told.executions) == 1
    assert len(told.stopping_told) == 1
    assert told.ended_count == 1
    assert [one["alive"] for one in told.machines] == [False]


@told_by(ten_deletes)
def test_the_audit_tells_the_life_of_the_session_in_order(told: Ending) -> None:
    """M-44, M-6, N-65: each thing once; the request and the key that asked for it."""
    assert [one["operation"] for one in told.events] == [
        "session_created",
        "attempt_started",
        "instance_launched",
        "session_running",
        "session_stopping",
        "instance_destroyed",
        "session_destroyed",
    ]
    assert [one["at"] for one in told.events] == sorted(one["at"] for one in told.events)
    asked = [one for one in told.events if one["actor"]["type"] == "api_key"]
    assert [one["operation"] for one in asked] == ["session_created", "session_stopping"]
    assert all(one["request_id"] and one["actor"]["key_id"] for one in asked)


@dataclass(frozen=True)
class Reluctant:
    """An end that the provider put off, and what callers heard meanwhile."""

    ending: Ending
    while_stopping: dict[str, tuple[int, Row]]
    after: dict[str, tuple[int, Row]]
    before: Row


def _asked(send: Callable[..., requests.Response], path: str) -> dict[str, tuple[int, Row]]:
    wishes = {
        "done": ("POST", f"{path}/done", None),
        "delete": ("DELETE", path, None),
        "extend": ("POST", f"{path}/extend", {"additional_hours": 1}),
    }
    heard = {}
    for name, (method, where, body) in wishes.items():
        answer = send(method, where, json=body)
        heard[name] = (answer.status_code, answer.json())
    return heard


def destroy_ignored(renting: Renting) -> Reluctant:
    live, offer = renting.live, renting.offer()
    rental, running = renting.running(offer=offer)
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, "destroy_ignored", match=match):
        first = rental.done()
        wait_for(lambda: len(provider.destroys(live, running["provider_instance_id"])) > 1, 60)
        while_stopping = _asked(rental.caller.send, rental.path)
        assert rental.now()["status"] == "stopping"
    stopped = rental.until("stopped")
    return Reluctant(
        ending=_ending(renting, stopped, [(202, first)]),
        while_stopping=while_stopping,
        after=_asked(rental.caller.send, rental.path),
        before=running,
    )


@told_by(destroy_ignored)
def test_a_destroy_that_was_only_promised_is_asked_for_again(told: Reluctant) -> None:
    assert told.ending.destroys > 1
    assert [one["alive"] for one in told.ending.machines] == [False]
    assert told.ending.stopped["end_reason"] == "user_requested"


@told_by(destroy_ignored)
def test_done_twice_is_one_end_with_the_same_answer(told: Reluctant) -> None:
    """M-27, M-6."""
    assert told.while_stopping["done"] == told.ending.answers[0]
    assert told.while_stopping["delete"][0] == 202
    assert len(told.ending.executions) == 1
    assert len(told.ending.stopping_told) == 1
    assert told.ending.ended_count == 1


@told_by(destroy_ignored)
def test_a_stopping_session_is_not_extended(told: Reluctant) -> None:
    """M-71, M-18."""
    status, body = told.while_stopping["extend"]
    assert (status, body["error_type"], body["status"]) == (409, "invalid_state", "stopping")
    assert body["allowed_events"] == []
    for name in ("expires_at", "reservation_hours"):
        assert told.ending.stopped[name] == told.before[name]


@told_by(destroy_ignored)
def test_what_has_ended_cannot_end_again(told: Reluctant) -> None:
    """M-27."""
    assert told.after["done"][0] == told.after["extend"][0] == 409
    assert told.after["done"][1]["error_type"] == "invalid_state"
    assert told.after["delete"][0] == 200
    assert told.after["delete"][1]["status"] == "stopped"


def stopped_while_loading(renting: Renting) -> Ending:
    live, offer = renting.live, renting.offer()
    break_it(live, "stuck_loading", match={"offer_id": provider_id(offer["id"])})
    rental = renting.rent(offer)
    provider.machine_of(live, rental)
    rental.caller.delete(rental.path)
    return _ending(renting, rental.until("stopped"), [])


def stopped_before_launch(renting: Renting) -> Ending:
    rental = renting.rent()
    rental.caller.delete(rental.path)
    return _ending(renting, rental.until("stopped"), [])


@told_by(stopped_while_loading)
def test_a_machine_that_is_still_loading_is_ended_too(told: Ending) -> None:
    assert told.stopped["end_reason"] == "user_requested"
    assert "ready_at" not in told.stopped
    assert [one["alive"] for one in told.machines] == [False]


@told_by(stopped_before_launch)
def test_a_stop_right_after_the_start_leaves_no_machine(told: Ending) -> None:
    """N-20."""
    assert told.stopped["end_reason"] == "user_requested"
    assert not any(one["alive"] for one in told.machines)


def destroy_fails_for_a_while(renting: Renting) -> Ending:
    rental, running = renting.running()
    match = {"instance_id": running["provider_instance_id"]}
    fault = {"type": "status", "code": 503}
    with broken(renting.live, fault, operation="destroy", match=match, when={"count": 4}):
        rental.done()
        stopped = rental.until("stopped")
    return _ending(renting, stopped, [])


@told_by(destroy_fails_for_a_while)
def test_a_destroy_that_fails_is_asked_for_until_it_works(told: Ending) -> None:
    """N-21."""
    assert told.destroys > 1
    assert [one["alive"] for one in told.machines] == [False]
    assert told.stopped["cost_usd"] >= told.machines[0]["billed_usd"]
