"""Launches that go wrong: never two machines, never one that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e import provider
from tests.e2e.aws_view import events, executions_of
from tests.e2e.provider import broken
from tests.e2e.renting import Rental, Renting, Row, another, provider_id, together, wish
from tests.e2e.stories import told_by


@dataclass(frozen=True)
class Launch:
    """A session, and what the provider saw of it."""

    session: Row
    machines: list[Row]
    launches: int


def _launched(renting: Renting, rental: Rental, session: Row) -> Launch:
    launches = provider.launches(renting.live, rental.offer_id)
    return Launch(session, provider.machines(renting.live, rental.id), len(launches))


def _survived(renting: Renting, action: str | Row, operation: str = "create") -> Launch:
    """A launch that met a fault, and became running all the same; ended afterwards."""
    offer = renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(renting.live, action, operation=operation, match=match, when={"count": 1}):
        rental, running = renting.running(offer=offer)
    launch = _launched(renting, rental, running)
    rental.end()
    return launch


def _failed(renting: Renting, action: str | Row) -> tuple[Rental, Launch]:
    """A launch that met a fault, and failed."""
    offer = renting.offer()
    with broken(renting.live, action, match={"offer_id": provider_id(offer["id"])}):
        rental = renting.rent(offer)
        failed = rental.until("failed")
    return rental, _launched(renting, rental, failed)


def answer_lost(renting: Renting) -> Launch:
    return _survived(renting, "lost_response")


def error_although_rented(renting: Renting) -> Launch:
    return _survived(renting, {"type": "error_but_done", "code": 502})


def asked_to_slow_down(renting: Renting) -> Launch:
    return _survived(renting, {"type": "status", "code": 429, "retry_after": 1})


def error_naming_a_machine(renting: Renting) -> Launch:
    return _failed(renting, {"type": "error_but_done", "code": 500, "with_contract": True})[1]


@told_by(answer_lost)
def test_a_lost_answer_leads_to_the_machine_by_its_label(told: Launch) -> None:
    """X-27."""
    assert told.launches == 1
    assert [one["id"] for one in told.machines] == [told.session["provider_instance_id"]]


@told_by(error_although_rented)
def test_an_error_although_rented_leads_to_the_machine_too(told: Launch) -> None:
    """X-27."""
    assert told.launches == 1
    assert [one["id"] for one in told.machines] == [told.session["provider_instance_id"]]


@told_by(asked_to_slow_down)
def test_a_launch_refused_for_its_pace_is_sent_again(told: Launch) -> None:
    assert told.launches == 2
    assert len(told.machines) == 1


@told_by(error_naming_a_machine)
def test_a_failure_that_names_a_machine_ends_that_machine(told: Launch) -> None:
    assert told.launches == 1
    assert [one["alive"] for one in told.machines] == [False]
    assert told.session["end_reason"] == "instance_stopped"
    assert told.session["cost_usd"] > 0


@dataclass(frozen=True)
class Refused:
    """A session refused by the provider, and its offer afterwards."""

    launch: Launch
    offer_status: int
    listed: bool
    again: int


def offer_gone(renting: Renting) -> Refused:
    rental, launch = _failed(renting, {"type": "no_such_ask", "remove": True})
    offer_id = launch.session["offer_id"]
    offers = rental.caller.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    again = rental.caller.send("POST", "/api/v1/sessions", json=wish({"id": offer_id}))
    return Refused(
        launch=launch,
        offer_status=rental.caller.send("GET", f"/api/v1/inventory/{offer_id}").status_code,
        listed=offer_id in {offer["id"] for offer in offers},
        again=again.status_code,
    )


@dataclass(frozen=True)
class NotLetIn:
    """A launch with credentials that the provider refused, and what is known of it."""

    launch: Launch
    told: list[Row]
    blamed: list[Row]


def credentials_refused(renting: Renting) -> NotLetIn:
    rental, launch = _failed(renting, {"type": "status", "code": 401})
    health = renting.live.operator.get("/api/v1/offer-health", provider="vastai")["offers"]
    return NotLetIn(
        launch=launch,
        told=[
            one
            for one in events(renting.live, rental.id)
            if one["operation"] == "provider_auth_failed"
        ],
        blamed=[one for one in health if one["offer_id"] == launch.session["offer_id"]],
    )


@told_by(offer_gone)
def test_an_offer_that_is_gone_fails_the_session_and_costs_nothing(told: Refused) -> None:
    """M-8, X-10."""
    session = told.launch.session
    assert session["end_reason"] == "stale_inventory"
    assert session["error"]
    assert session["stopped_at"]
    assert session["cost_usd"] == 0
    assert (told.launch.machines, told.launch.launches) == ([], 1)


@told_by(offer_gone)
def test_an_offer_that_is_gone_is_hidden_at_once(told: Refused) -> None:
    """M-110: from list, lookup and launch."""
    assert (told.offer_status, told.listed, told.again) == (404, False, 503)


@told_by(credentials_refused)
def test_refused_credentials_fail_the_session_under_their_name(told: NotLetIn) -> None:
    """M-62: the secret is read and the call sent once more; nothing is held against the offer."""
    session = told.launch.session
    assert session["end_reason"] == "provider_auth"
    assert (session["cost_usd"], len(session["attempts"])) == (0, 1)
    assert (told.launch.machines, told.launch.launches) == ([], 2)
    assert len(told.told) == 1
    assert told.blamed == []


@dataclass(frozen=True)
class Race:
    """Many creates at the same moment."""

    winners: list[Row]
    refusals: list[Row]
    launches: int
    executions: list[Row]
    afterwards: int


def twenty_posts(renting: Renting) -> Race:
    offer, caller = renting.offer(), renting.consumer()
    caller.get("/api/v1/sessions")  # the gateway knows the key: only the race is left to run

    def post(_: int) -> Row:
        answer = another(caller).send("POST", "/api/v1/sessions", json=wish(offer))
        return {"status_code": answer.status_code, **answer.json()}

    answers = together(20, post)
    winners = [answer["session"] for answer in answers if "session" in answer]
    rental = renting.follow(caller, winners[0])
    rental.until("running")
    rental.end()
    again = caller.send("POST", "/api/v1/sessions", json=wish(offer))
    if again.status_code == 201:  # else the offer is hidden until a snapshot shows it again
        renting.follow(caller, again.json()["session"])
    return Race(
        winners=winners,
        refusals=[answer for answer in answers if "session" not in answer],
        launches=len(provider.launches(renting.live, rental.offer_id)),
        executions=executions_of(renting.live, rental.id, "provision"),
        afterwards=again.status_code,
    )


@told_by(twenty_posts)
def test_of_twenty_posts_one_wins_and_the_others_name_it(told: Race) -> None:
    """M-47, X-12."""
    assert len(told.winners) == 1
    assert {one["status_code"] for one in told.refusals} == {409}
    assert {one["error_type"] for one in told.refusals} == {"duplicate_session"}
    assert {one["session_id"] for one in told.refusals} == {told.winners[0]["id"]}
    assert (told.launches, len(told.executions)) == (1, 1)


@told_by(twenty_posts)
def test_an_ended_session_does_not_stand_in_the_way_of_the_next(told: Race) -> None:
    """M-47."""
    assert told.afterwards != 409
