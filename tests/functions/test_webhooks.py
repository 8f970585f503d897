"""The routes of webhooks, and the messages of their queue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.deliver_webhooks import app as deliver
from gpu_shopper.edge import wiring_webhooks
from gpu_shopper.edge.webhooks import letter_of, written
from gpu_shopper.errors import MissingSetting
from tests.events import sample
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, RUN, Client, Reply
from tests.hooks import Mail
from tests.usecases.story import running
from tests.world import World

PATH = "/api/v1/webhooks"
URL = "https://hooks.example.com/gpu"


def post(webhooks: Client, caller: dict[str, str] = CONSUMER, **fields: Any) -> Reply:
    return webhooks("POST", PATH, body={"url": URL} | fields, caller=caller)


def test_a_webhook_is_made_listed_read_tested_and_removed(webhooks: Client) -> None:
    """N-74: the secret is in the 201 only."""
    made = post(webhooks, events=["session.running"], description="mine")
    assert made.status == 201
    hook, secret = made.json["webhook"], made.json["secret"]
    assert (hook["events"], hook["enabled"], hook["consumer_id"]) == (
        ["session.running"],
        True,
        "alice",
    )
    own = f"{PATH}/{hook['id']}"
    tested = webhooks("POST", f"{own}/test")
    assert tested.json == {"delivered": True, "status_code": 200, "duration_ms": 7}
    read = webhooks("GET", own)
    assert [one["event"] for one in read.json["deliveries"]] == ["webhook.test"]
    listed = webhooks("GET", PATH)
    assert [one["id"] for one in listed.json["webhooks"]] == [hook["id"]]
    assert secret not in read.text + listed.text + tested.text
    removed = webhooks("DELETE", own)
    assert (removed.status, removed.json["message"]) == (200, "webhook deleted")
    assert webhooks("DELETE", own).status == 404


def test_somebody_elses_webhook_does_not_exist(webhooks: Client) -> None:
    """N-74."""
    mine = post(webhooks).json["webhook"]["id"]
    everybodys = post(webhooks, OPERATOR).json["webhook"]["id"]
    for hook_id, caller in ((mine, OTHER), (everybodys, CONSUMER)):
        for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
            refused = webhooks(method, f"{PATH}/{hook_id}{more}", caller=caller)
            assert (refused.status, refused.json["error_type"]) == (404, "webhook_not_found")
    assert webhooks("GET", PATH, caller=OTHER).json["webhooks"] == []
    assert webhooks("GET", PATH, caller=OPERATOR).json["count"] == 2
    of_alice = webhooks("GET", PATH, caller=OPERATOR, query={"consumer_id": "alice"}).json
    assert [one["id"] for one in of_alice["webhooks"]] == [mine]
    assert webhooks("GET", f"{PATH}/no-uuid").status == 404


def test_a_consumer_asks_for_itself_only(webhooks: Client) -> None:
    assert post(webhooks, consumer_id="bob").status == 403
    assert webhooks("GET", PATH, query={"consumer_id": "bob"}).status == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://hooks.example.com/"),
        ("url", "https://user:pass@hooks.example.com/"),
        ("url", "https://internal.example/"),
        ("url", ""),
        ("url", 7),
        ("events", ["orphan.detected"]),
        ("events", ["webhook.test"]),
        ("events", []),
        ("description", "x" * 257),
        ("consumer_id", "a b"),
        ("secret", "mine"),
    ],
)
def test_what_cannot_be_is_refused_by_name(webhooks: Client, field: str, value: Any) -> None:
    """N-46, N-74."""
    refused = post(webhooks, **{field: value})
    assert refused.status == 400
    assert refused.fields[0].startswith(field)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"events": []}, "events must have at least 1 entry"),
        ({"events": ["session.running"] * 21}, "events must have at most 20 entries"),
        ({"url": "https://a.example:x/"}, "url must have a host, and a port up to 65535 if any"),
        ({"url": "https://[::1/"}, "url must have a host, and a port up to 65535 if any"),
    ],
)
def test_a_refusal_says_what_would_do(webhooks: Client, fields: dict[str, Any], text: str) -> None:
    """1.1: in our words, and with the bound."""
    assert post(webhooks, **fields).json["error"] == text


def test_pages_of_webhooks_hold_each_once(webhooks: Client) -> None:
    """N-58, M-72."""
    ids = {post(webhooks).json["webhook"]["id"] for _ in range(5)}
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = webhooks("GET", PATH, query=query).json
        seen += [one["id"] for one in page["webhooks"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(seen) == sorted(ids)
    assert webhooks("GET", PATH, query=query, caller=OTHER).status == 400
    for limit in ("-1", "0", "x", "201"):
        assert webhooks("GET", PATH, query={"limit": limit}).fields == ["limit"]


def test_the_samples_make_test_and_remove_a_webhook(
    webhooks: Client, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(case: str) -> Any:
        return webhooks.handler(sample(case), RUN)

    made = json.loads(play("webhooks_api/create")["body"])["webhook"]["id"]
    (listed,) = json.loads(play("webhooks_api/list")["body"])["webhooks"]
    assert listed["id"] == made
    for case in ("webhooks_api/get", "webhooks_api/test", "webhooks_api/delete"):
        assert play(case)["statusCode"] == 404


def test_a_message_of_the_bus_becomes_a_letter_and_that_a_request(
    webhooks: Client, mail: Mail, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "hooks", lambda: mail.hooks)
    post(webhooks)
    event = sample("deliver_webhooks/event")
    message = json.loads(event["Records"][0]["body"])
    message["detail"]["session_id"] = running(world)
    event["Records"][0]["body"] = json.dumps(message)
    deliver.handler(event, RUN)
    ((letter, _),) = mail.letters.sent
    deliver.handler({"Records": [{"body": written(letter)}]}, RUN)
    assert json.loads(mail.receiver.got[0][2])["type"] == "session.running"
    deliver.handler(sample("deliver_webhooks/letter"), RUN)
    assert len(mail.receiver.got) == 1


def test_a_letter_comes_out_of_the_queue_as_it_went_in(mail: Mail) -> None:
    letter = letter_of(json.loads(sample("deliver_webhooks/letter")["Records"][0]["body"]))
    assert letter is not None
    later = replace(letter, tries=3)
    assert letter_of(json.loads(written(later))) == later


def test_any_address_is_refused_outside_of_a_local_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """N-46: the parameter lifts the rule locally only."""
    monkeypatch.setenv("STAGE", "local")
    assert wiring_webhooks._any_target("any") is True
    assert wiring_webhooks._any_target("public") is False
    monkeypatch.setenv("STAGE", "prod")
    assert wiring_webhooks._any_target("public") is False
    with pytest.raises(MissingSetting, match="local"):
        wiring_webhooks._any_target("any")
