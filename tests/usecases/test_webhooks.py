"""Letters to webhooks: to whom, how often, and what becomes of those that nobody takes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.webhooks import CONSUMER_EVENTS, DEPLOYMENT_EVENTS, Letter, Outcome, Webhook
from gpu_shopper.errors import Conflict, TooManyRequests, ValidationFailed, WebhookNotFound
from gpu_shopper.store import webhooks as store
from gpu_shopper.usecases import deliveries, webhooks
from gpu_shopper.usecases.webhooks import NewWebhook
from tests.hooks import Mail, mail_of
from tests.usecases.story import running
from tests.world import ALICE, BOB, World

OPERATOR = Caller("operator", Role.OPERATOR, None)
EVENT_ID = "5e0f6f6a-2f43-4a52-8d0a-6d7a4f0c9b11"


@pytest.fixture
def mail(world: World) -> Mail:
    return mail_of(world)


def made(mail: Mail, caller: Caller = ALICE, **changes: Any) -> Webhook:
    events = CONSUMER_EVENTS if caller.consumer_id else DEPLOYMENT_EVENTS
    wanted = {
        "url": "https://hooks.example/x",
        "events": events,
        "consumer_id": caller.consumer_id,
        "description": None,
    }
    return webhooks.create(mail.hooks, caller, NewWebhook(**(wanted | changes))).webhook


def told(session_id: str, operation: str = "session_running", **more: Any) -> dict[str, Any]:
    base = {"id": EVENT_ID, "operation": operation, "session_id": session_id, "details": {}}
    return base | {"consumer_id": "alice"} | more


def one_letter(mail: Mail, world: World) -> Letter:
    made(mail)
    assert deliveries.tell(mail.hooks, told(running(world))) == 1
    letter, wait_s = mail.letters.sent.pop()
    assert wait_s == 0
    return letter


def results(world: World) -> list[str]:
    return [
        fact.dimensions["Result"] for fact in world.facts if fact.operation == "webhook_delivery"
    ]


def test_an_event_is_told_to_its_consumer_and_to_the_deployment(mail: Mail, world: World) -> None:
    """N-74."""
    mine, _, all_of_it = made(mail), made(mail, BOB), made(mail, OPERATOR)
    made(mail, events=("session.failed",))
    assert deliveries.tell(mail.hooks, told(running(world))) == 2
    assert {one.webhook_id for one, _ in mail.letters.sent} == {mine.id, all_of_it.id}


def test_findings_are_told_to_the_deployment_only(mail: Mail, world: World) -> None:
    made(mail)
    all_of_it = made(mail, OPERATOR)
    found = told("gone", "orphan_detected", provider="vastai", instance_id="5001", reason="why")
    assert deliveries.tell(mail.hooks, found) == 1
    ((letter, _),) = mail.letters.sent
    assert letter.webhook_id == all_of_it.id
    data = {"provider": "vastai", "instance_id": "5001", "session_id": "gone", "reason": "why"}
    assert json.loads(letter.body)["data"] == data


def test_an_event_that_comes_twice_makes_the_same_letters(mail: Mail, world: World) -> None:
    made(mail)
    session_id = running(world)
    for _ in range(2):
        deliveries.tell(mail.hooks, told(session_id))
    first, second = (one for one, _ in mail.letters.sent)
    assert first.delivery_id == second.delivery_id
    assert json.loads(first.body)["id"] == json.loads(second.body)["id"] == EVENT_ID


def test_nothing_is_told_of_a_session_that_is_not_there(mail: Mail) -> None:
    made(mail)
    assert deliveries.tell(mail.hooks, told("00000000-0000-4000-8000-000000000000")) == 0


def test_a_message_shows_the_session_and_none_of_its_secrets(mail: Mail, world: World) -> None:
    """N-38."""
    letter = one_letter(mail, world)
    message = json.loads(letter.body)
    assert (message["type"], message["deployment_id"]) == ("session.running", "ab12cd34")
    assert message["data"]["status"] == "running"
    assert "private" not in letter.body
    assert "sealed" not in letter.body


def test_a_message_that_is_taken_is_done_with(mail: Mail, world: World) -> None:
    letter = one_letter(mail, world)
    deliveries.deliver(mail.hooks, letter)
    ((target, headers, body),) = mail.receiver.got
    assert (target.host, body) == ("hooks.example", letter.body.encode())
    assert headers["X-Gpu-Shopper-Delivery"] == letter.delivery_id
    assert headers["X-Gpu-Shopper-Signature"].startswith("v1=")
    assert mail.letters.sent == []
    assert results(world) == ["success"]
    (delivery,) = store.last_deliveries(mail.hooks.table, letter.webhook_id)
    assert (delivery.tries, delivery.outcome, delivery.status_code) == (1, Outcome.SUCCESS, 200)


def test_a_message_is_tried_five_times_and_then_given_up(mail: Mail, world: World) -> None:
    """N-75: the same delivery id and body in all tries; each signs its own time."""
    letter = one_letter(mail, world)
    mail.receiver.statuses = [500, None, 301, 404, 503]
    waits = []
    for _ in range(40):
        before = len(mail.receiver.got)
        deliveries.deliver(mail.hooks, letter)
        if not mail.letters.sent:
            break
        letter, wait_s = mail.letters.sent.pop()
        waits.append((len(mail.receiver.got) > before, wait_s))
        world.clock.tick(wait_s)
    assert waits == [
        (True, 30),
        (True, 120),
        (True, 600),
        (True, 900),
        (False, 900),
        (False, 900),
        (False, 900),
    ]
    assert len(mail.receiver.got) == 5
    assert len({body for _, _, body in mail.receiver.got}) == 1
    assert len({one["X-Gpu-Shopper-Delivery"] for _, one, _ in mail.receiver.got}) == 1
    assert len({one["X-Gpu-Shopper-Signature"] for _, one, _ in mail.receiver.got}) == 5
    assert mail.letters.given_up == [letter]
    assert results(world) == ["failed"]
    (delivery,) = store.last_deliveries(mail.hooks.table, letter.webhook_id)
    assert (delivery.tries, delivery.outcome, delivery.status_code) == (5, Outcome.FAILED, 503)


def test_a_letter_that_comes_too_early_is_put_off_and_not_sent(mail: Mail, world: World) -> None:
    letter = one_letter(mail, world)
    early = Letter(**{**_fields(letter), "due_at": world.clock.at + timedelta(milliseconds=1)})
    deliveries.deliver(mail.hooks, early)
    assert mail.receiver.got == []
    assert mail.letters.sent == [(early, 1)]


def _fields(letter: Letter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in Letter.__dataclass_fields__}


def test_nothing_queued_is_sent_once_the_webhook_is_removed(mail: Mail, world: World) -> None:
    """N-76."""
    letter = one_letter(mail, world)
    webhooks.delete(mail.hooks, ALICE, letter.webhook_id)
    deliveries.deliver(mail.hooks, letter)
    assert mail.receiver.got == []
    assert results(world) == ["dropped"]
    with pytest.raises(WebhookNotFound):
        webhooks.delete(mail.hooks, ALICE, letter.webhook_id)


def test_a_receiver_that_is_gone_is_not_asked_again(mail: Mail, world: World) -> None:
    """N-75: audited."""
    letter = one_letter(mail, world)
    mail.receiver.statuses = [410]
    deliveries.deliver(mail.hooks, letter)
    hook = webhooks.get(mail.hooks, ALICE, letter.webhook_id)
    assert (hook.enabled, hook.disabled_reason) == (False, "gone")
    assert world.operations().count("webhook_disabled") == 1
    deliveries.deliver(mail.hooks, letter)
    assert len(mail.receiver.got) == 1
    assert deliveries.tell(mail.hooks, told(letter.at.isoformat())) == 0


def last_try(letter: Letter, number: int) -> Letter:
    return Letter(**{**_fields(letter), "tries": 4, "delivery_id": f"d{number}"})


def test_twenty_messages_given_up_in_a_row_disable_a_webhook(mail: Mail, world: World) -> None:
    """N-75: not nineteen, and a success in between begins anew."""
    letter = one_letter(mail, world)
    mail.receiver.statuses = [*[500] * 19, 200, *[500] * 19]
    for number in range(39):
        deliveries.deliver(mail.hooks, last_try(letter, number))
    assert webhooks.get(mail.hooks, ALICE, letter.webhook_id).enabled
    deliveries.deliver(mail.hooks, last_try(letter, 40))
    hook = webhooks.get(mail.hooks, ALICE, letter.webhook_id)
    assert (hook.enabled, hook.disabled_reason) == (False, "failing")
    assert world.operations().count("webhook_disabled") == 1


def test_letters_given_up_at_once_disable_a_webhook_once(mail: Mail, world: World) -> None:
    """N-75: and what was delivered meanwhile stays known."""
    hook = made(mail)
    store.note_result(mail.hooks.table, hook.id, world.clock.at, delivered=True)
    assert [store.disable(mail.hooks.table, hook, why, []) for why in ("gone", "failing")] == [
        True,
        False,
    ]
    now = webhooks.get(mail.hooks, ALICE, hook.id)
    assert (now.enabled, now.disabled_reason) == (False, "gone")
    assert now.last_success_at == world.clock.at


def test_webhooks_made_at_once_do_not_pass_the_limit_together(
    mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-74: both have counted four; whoever writes last is told to try again."""
    for _ in range(4):
        made(mail)
    count = store._owner

    def overtaken(*asked: Any) -> Any:
        monkeypatch.setattr(store, "_owner", count)
        counted = count(*asked)
        made(mail)
        return counted

    monkeypatch.setattr(store, "_owner", overtaken)
    with pytest.raises(Conflict):
        made(mail)
    assert len(webhooks.list_hooks(mail.hooks, lambda _: True, None, 50)[0]) == 5


def test_the_sixth_webhook_of_a_consumer_is_refused(mail: Mail) -> None:
    """N-74."""
    five = [made(mail) for _ in range(5)]
    with pytest.raises(ValidationFailed):
        made(mail)
    made(mail, BOB)
    webhooks.delete(mail.hooks, ALICE, five[0].id)
    made(mail)


def test_the_twenty_first_webhook_of_the_deployment_is_refused(mail: Mail) -> None:
    for _ in range(20):
        made(mail, OPERATOR)
    with pytest.raises(ValidationFailed):
        made(mail, OPERATOR)


def test_a_url_that_leads_into_a_private_network_is_refused(mail: Mail) -> None:
    """N-46: at POST."""
    with pytest.raises(ValidationFailed) as refused:
        made(mail, url="https://internal.example/")
    assert refused.value.details == [("url", "url must lead to public addresses only")]


def test_the_secret_is_stored_sealed(mail: Mail, world: World) -> None:
    """N-74, X-28."""
    wanted = NewWebhook(
        url="https://hooks.example/", events=CONSUMER_EVENTS, consumer_id="alice", description=None
    )
    new = webhooks.create(mail.hooks, ALICE, wanted)
    assert len(new.secret) == len("whsec_") + 43
    rows = world.webhooks.real.scan()["Items"]
    (stored,) = [row["secret_sealed"] for row in rows if "secret_sealed" in row]
    assert mail.hooks.cipher.open(new.webhook.id, stored) == new.secret
    assert new.secret not in stored
    assert new.secret not in repr(new)


def test_a_webhook_is_tested_six_times_a_minute_at_most(mail: Mail, world: World) -> None:
    hook = made(mail)
    for _ in range(6):
        assert webhooks.send_test(mail.hooks, ALICE, hook.id).delivered
    with pytest.raises(TooManyRequests) as refused:
        webhooks.send_test(mail.hooks, ALICE, hook.id)
    world.clock.tick(refused.value.extra["retry_after_seconds"])
    mail.receiver.statuses = [500]
    assert webhooks.send_test(mail.hooks, ALICE, hook.id).status_code == 500
    assert mail.letters.sent == []
    newest = store.last_deliveries(mail.hooks.table, hook.id)[0]
    assert (newest.event, newest.outcome) == ("webhook.test", Outcome.FAILED)
