"""Webhooks: who has which, and a message as its receiver gets it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from local.api import Api
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import broken
from tests.e2e.receiver import is_signed, receiving
from tests.e2e.renting import Renting, Row, provider_id
from tests.e2e.stories import told_by

PATH = "/api/v1/webhooks"
HEARD_WITHIN_S = 60.0


@dataclass(frozen=True)
class Told:
    """What a consumer's receiver got of a session that was refused at once."""

    made: Row
    session: Row
    test: Row
    got: list[tuple[dict[str, str], bytes]]
    shown: Row
    after_delete: tuple[int, str]


def one_refused_session(renting: Renting) -> Told:
    with receiving() as receiver:
        caller = renting.consumer()
        made = caller.post(PATH, {"url": receiver.url, "events": ["session.failed"]})
        own = f"{PATH}/{made['webhook']['id']}"
        test = caller.post(f"{own}/test")
        offer = renting.offer()
        with broken(renting.live, "no_such_ask", match={"offer_id": provider_id(offer["id"])}):
            rental = renting.rent(offer, caller)
            session = rental.until("failed")
        wait_for(lambda: len(receiver.got) >= 2, HEARD_WITHIN_S)
        shown = wait_for(lambda: _with_success(caller, own), HEARD_WITHIN_S)
        caller.delete(own)
        gone = caller.send("GET", own)
        return Told(
            made,
            session,
            test,
            receiver.got,
            shown,
            (gone.status_code, gone.json()["error_type"]),
        )


def _with_success(caller: Api, path: str) -> Row | None:
    shown: Row = caller.get(path)
    wanted = [one for one in shown["deliveries"] if one["event"] == "session.failed"]
    return shown if wanted and wanted[0]["outcome"] == "success" else None


@told_by(one_refused_session)
def test_a_receiver_hears_once_of_the_end_and_can_trust_it(told: Told) -> None:
    """N-46, N-75: the signature is over time and raw body."""
    assert told.test["delivered"] is True
    assert [json.loads(body)["type"] for _, body in told.got] == ["webhook.test", "session.failed"]
    headers, body = told.got[1]
    assert is_signed(told.made["secret"], headers, body)
    assert headers["X-Gpu-Shopper-Event"] == "session.failed"
    message = json.loads(body)
    assert (message["data"]["id"], message["data"]["status"]) == (told.session["id"], "failed")
    assert "PRIVATE KEY" not in body.decode()


@told_by(one_refused_session)
def test_a_webhook_shows_what_became_of_its_messages_and_not_its_secret(told: Told) -> None:
    """N-74: until it is removed."""
    assert {one["status_code"] for one in told.shown["deliveries"]} == {204}
    assert told.shown["consecutive_failures"] == 0
    assert told.made["secret"] not in json.dumps(told.shown)
    assert told.after_delete == (404, "webhook_not_found")


def test_a_consumer_sees_and_changes_its_own_webhooks_only(
    live: Deployed, renting: Renting
) -> None:
    """N-74."""
    owner, other = renting.consumer(), renting.consumer()
    made = owner.post(PATH, {"url": "http://127.0.0.1:9/", "events": ["session.running"]})[
        "webhook"
    ]
    own = f"{PATH}/{made['id']}"
    for method, path in (("GET", own), ("DELETE", own), ("POST", f"{own}/test")):
        refused = other.send(method, path)
        assert (refused.status_code, refused.json()["error_type"]) == (404, "webhook_not_found")
    assert other.get(PATH)["webhooks"] == []
    assert [one["id"] for one in owner.get(PATH)["webhooks"]] == [made["id"]]
    assert live.operator.get(own)["id"] == made["id"]
    more = {"url": "http://127.0.0.1:9/", "events": ["session.running"]}
    statuses = [owner.send("POST", PATH, json=more).status_code for _ in range(5)]
    assert statuses == [201, 201, 201, 201, 400]
    deployment_wide = owner.send("POST", PATH, json=more | {"events": ["orphan.detected"]})
    assert deployment_wide.json()["details"][0]["field"] == "events"
