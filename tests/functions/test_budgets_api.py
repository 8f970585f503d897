"""The /budgets routes: who may, what is checked, and what a refused rental says."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from gpu_shopper.core.instants import to_text
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client, Reply
from tests.functions.rentals import post
from tests.world import World

PATH = "/api/v1/budgets"
URL = "https://hooks.example.com/budget"
BODY = {"monthly_limit_usd": 5, "enforce": True}


@pytest.fixture
def operator(keys: Client) -> Client:
    keys.caller = OPERATOR
    return keys


def put(client: Client, consumer: str = "alice", **fields: Any) -> Reply:
    return client("PUT", f"{PATH}/{consumer}", body=BODY | fields)


def test_a_budget_is_made_changed_shown_and_deleted(operator: Client) -> None:
    """N-43: 201 when new; limit, spent, reserved, percentage and month."""
    made = put(operator)
    assert made.status == 201
    shown = operator("GET", f"{PATH}/alice").json
    assert shown == made.json
    assert {name: shown[name] for name in shown if not name.endswith("_at")} == {
        "consumer_id": "alice",
        "monthly_limit_usd": 5.0,
        "enforce": True,
        "month": "2026-02",
        "spent_usd": 0.0,
        "reserved_usd": 0.0,
        "percentage": 0.0,
    }
    assert put(operator, monthly_limit_usd=0.000001, enforce=False).status == 200
    gone = operator("DELETE", f"{PATH}/alice")
    assert (gone.status, gone.json) == (200, {"message": "budget deleted", "consumer_id": "alice"})
    for method in ("GET", "DELETE"):
        reply = operator(method, f"{PATH}/alice")
        assert (reply.status, reply.json["error_type"]) == (404, "budget_not_found")


def test_a_consumer_reads_its_own_budget_and_nothing_else(operator: Client) -> None:
    """N-43: another's is forbidden, and so is every change."""
    put(operator)
    assert operator("GET", f"{PATH}/alice", caller=CONSUMER).status == 200
    assert operator("HEAD", f"{PATH}/alice", caller=CONSUMER).status == 200
    for method, path, caller in (
        ("GET", f"{PATH}/alice", OTHER),
        ("GET", f"{PATH}/nobody", CONSUMER),
        ("GET", PATH, CONSUMER),
        ("DELETE", f"{PATH}/alice", CONSUMER),
    ):
        reply = operator(method, path, caller=caller)
        assert (reply.status, reply.json["error_type"]) == (403, "forbidden")
    assert operator("PUT", f"{PATH}/alice", body=BODY, caller=CONSUMER).status == 403


def test_budgets_are_listed_in_pages(operator: Client) -> None:
    for consumer in ("carol", "alice", "bob"):
        put(operator, consumer)
    first = operator("GET", PATH, query={"limit": 2}).json
    assert ([one["consumer_id"] for one in first["budgets"]], first["count"]) == (
        ["alice", "bob"],
        2,
    )
    rest = operator("GET", PATH, query={"limit": 2, "cursor": first["next_cursor"]}).json
    assert [one["consumer_id"] for one in rest["budgets"]] == ["carol"]
    assert "next_cursor" not in rest


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"monthly_limit_usd": 0}, "monthly_limit_usd"),
        ({"monthly_limit_usd": -1}, "monthly_limit_usd"),
        ({"monthly_limit_usd": 1_000_001}, "monthly_limit_usd"),
        ({"monthly_limit_usd": 0.00000099}, "monthly_limit_usd"),
        ({"monthly_limit_usd": "5"}, "monthly_limit_usd"),
        ({"monthly_limit_usd": None}, "monthly_limit_usd"),
        ({"enforce": "yes"}, "enforce"),
        ({"limit": 5}, "limit"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(
    operator: Client, fields: dict[str, Any], field: str
) -> None:
    """N-43: more than 0, at most 1,000,000."""
    reply = put(operator, **fields)
    assert (reply.status, reply.fields) == (400, [field])
    assert operator("GET", f"{PATH}/alice").status == 404


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "monthly_limit_usd must be greater than 0"),
        (0.0000001, "monthly_limit_usd must be at least 0.000001"),
        (1_000_000.01, "monthly_limit_usd must be at most 1000000"),
    ],
)
def test_bounds_are_told_in_decimal_notation(operator: Client, usd: float, text: str) -> None:
    """1.1; a limit that is rounded to nothing would be spent at once."""
    assert put(operator, monthly_limit_usd=usd).json["error"] == text


def test_a_budget_that_is_set_again_keeps_the_instant_at_which_it_was_made(
    wired: World, operator: Client
) -> None:
    """1.6: `created_at` stays, `updated_at` goes on; after a deletion it is made anew."""
    made = put(operator).json
    assert made["created_at"] == made["updated_at"]
    wired.clock.tick(60)
    again = put(operator, monthly_limit_usd=6, webhook_url=URL).json
    assert again["created_at"] == made["created_at"]
    assert again["updated_at"] == to_text(wired.clock.at) > made["updated_at"]
    wired.clock.tick(60)
    operator("DELETE", f"{PATH}/alice")
    anew = put(operator)
    assert (anew.status, anew.json["created_at"]) == (201, to_text(wired.clock.at))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://user:secret@hooks.example.com/",
        "https://internal.example/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com/#part",
        "",
        7,
        "https://hooks.example.com/" + 2_048 * "x",
    ],
)
def test_alerts_go_to_public_https_addresses_only(operator: Client, url: Any) -> None:
    """N-46: refused when it is set; nothing is written then."""
    reply = put(operator, webhook_url=url)
    assert (reply.status, reply.fields) == (400, ["webhook_url"])
    assert operator("GET", f"{PATH}/alice").status == 404
    assert operator("GET", "/api/v1/audit").json["events"] == []


def test_the_secret_of_a_receiver_is_shown_once(
    operator: Client, webhooks: Client, log: io.StringIO
) -> None:
    """1.6: with the answer in which its URL is new, and nowhere else."""
    made = put(operator, webhook_url=URL)
    secret = made.json["webhook_secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", secret)
    again = put(operator, webhook_url=URL)
    assert (again.status, again.json["webhook_url"]) == (200, URL)
    shown = [
        again,
        operator("GET", f"{PATH}/alice"),
        operator("GET", f"{PATH}/alice", caller=CONSUMER),
        operator("GET", PATH),
        operator("GET", "/api/v1/audit"),
        webhooks("GET", "/api/v1/webhooks", caller=OPERATOR),
    ]
    assert all(reply.status == 200 for reply in shown)
    assert [reply for reply in shown if "webhook_secret" in reply.text] == []
    assert [reply for reply in shown if secret in reply.text] == []
    assert secret not in log.getvalue()


def test_another_url_has_another_secret_and_none_ends_it(operator: Client) -> None:
    first = put(operator, webhook_url=URL).json["webhook_secret"]
    second = put(operator, webhook_url=URL + "/other").json
    assert second["webhook_secret"] not in (None, first)
    assert "webhook_url" not in put(operator).json
    assert "webhook_secret" in put(operator, webhook_url=URL).json


def test_a_budgets_receiver_is_the_operators_and_goes_with_its_budget(
    operator: Client, webhooks: Client
) -> None:
    """N-74: it counts for none of the consumer's five, and the consumer does not see it."""
    put(operator, webhook_url=URL)
    hooks = "/api/v1/webhooks"
    (hook,) = webhooks("GET", hooks, caller=OPERATOR).json["webhooks"]
    assert (hook["consumer_id"], hook["events"]) == ("alice", ["budget.warning", "budget.exceeded"])
    assert webhooks("GET", hooks, caller=CONSUMER).json["count"] == 0
    assert webhooks("GET", f"{hooks}/{hook['id']}", caller=CONSUMER).status == 404
    kept = webhooks("DELETE", f"{hooks}/{hook['id']}", caller=OPERATOR)
    assert (kept.status, kept.json["error_type"]) == (409, "conflict")
    assert webhooks("POST", f"{hooks}/{hook['id']}/test", caller=OPERATOR).json["delivered"] is True
    for _ in range(5):
        assert webhooks("POST", hooks, body={"url": URL}, caller=CONSUMER).status == 201
    assert operator("DELETE", f"{PATH}/alice").status == 200
    assert webhooks("GET", f"{hooks}/{hook['id']}", caller=OPERATOR).status == 404


def test_a_name_that_no_consumer_has_is_not_found(operator: Client) -> None:
    assert put(operator, "a%20b").status == 404


def test_a_rental_beyond_the_budget_is_refused_with_the_numbers(
    wired: World, operator: Client, sessions: Client
) -> None:
    """N-44: 403 with limit, spent, reserved and requested; no machine is asked for."""
    put(operator, monthly_limit_usd=0.7)
    reply = post(sessions)
    assert (reply.status, reply.json["error_type"]) == (403, "budget_exceeded")
    told = {name: value for name, value in reply.json.items() if name.endswith("_usd")}
    assert told == {
        "monthly_limit_usd": 0.7,
        "spent_usd": 0.0,
        "reserved_usd": 0.0,
        "requested_usd": 0.8,
    }
    assert wired.machines.started == []
    assert sessions("GET", "/api/v1/sessions").json["count"] == 0
    assert post(sessions, reservation_hours=1).status == 201
