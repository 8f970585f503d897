"""Alerts of a budget to its own receiver: signed, once each, and to nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gpu_shopper.core.webhooks import signature
from gpu_shopper.errors import Conflict
from gpu_shopper.store import budgets as budget_store
from gpu_shopper.store import webhooks as store
from gpu_shopper.usecases import deliveries
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.setting_budgets import SetBudget, Wanted, delete_budget, set_budget
from tests.hooks import Mail, mail_of
from tests.usecases.story import running
from tests.world import OPERATOR, World

URL = "https://hooks.example/budget"


@pytest.fixture
def mail(world: World) -> Mail:
    return mail_of(world)


def put(mail: Mail, usd: float = 0.5, url: str | None = URL, consumer: str = "alice") -> SetBudget:
    wanted = Wanted(limit_microusd=round(usd * 1_000_000), enforce=False, webhook_url=url)
    return set_budget(mail.hooks.deps, lambda: mail.hooks, OPERATOR, consumer, wanted)


def alert(mail: Mail, kind: str = "warning", consumer: str = "alice") -> int:
    """What the bus tells of an alert; how many letters that makes."""
    return deliveries.tell(
        mail.hooks,
        {
            "id": "5e0f6f6a-2f43-4a52-8d0a-6d7a4f0c9b11",
            "at": "2026-02-07T12:00:00.000Z",
            "operation": "budget_alert",
            "consumer_id": consumer,
            "details": {"alert_type": kind, "month": "2026-02", "spent_usd": 4.0},
        },
    )


def test_an_alert_goes_to_the_receiver_of_its_budget_and_is_signed(mail: Mail) -> None:
    """N-45, N-46: consumer and instant are named beside the numbers."""
    told = put(mail)
    assert alert(mail) == 1
    ((letter, wait_s),) = mail.letters.sent
    deliveries.deliver(mail.hooks, letter)
    ((target, headers, body),) = mail.receiver.got
    assert (wait_s, target.host, target.path) == (0, "hooks.example", "/budget")
    message = json.loads(body)
    assert (message["type"], message["data"]) == (
        "budget.warning",
        {
            "consumer_id": "alice",
            "at": "2026-02-07T12:00:00.000Z",
            "alert_type": "warning",
            "month": "2026-02",
            "spent_usd": 4.0,
        },
    )
    assert told.webhook_secret is not None
    stamp = int(headers["X-Gpu-Shopper-Timestamp"])
    assert headers["X-Gpu-Shopper-Signature"] == signature(told.webhook_secret, stamp, body)


def test_the_receiver_hears_of_its_own_budget_and_of_nothing_else(mail: Mail, world: World) -> None:
    put(mail)
    put(mail, url=URL + "/bob", consumer="bob")
    for consumer in ("alice", "bob"):
        assert alert(mail, "exceeded", consumer) == 1
        letter, _ = mail.letters.sent.pop()
        hook = store.find(mail.hooks.table, letter.webhook_id)
        assert hook is not None
        assert hook.consumer_id == consumer
    base: dict[str, Any] = {"operation": "session_running", "details": {}, "consumer_id": "alice"}
    event = base | {"id": letter.delivery_id, "session_id": running(world)}
    assert deliveries.tell(mail.hooks, event) == 0


def test_what_is_queued_for_a_receiver_that_was_taken_away_is_not_sent(mail: Mail) -> None:
    def removed() -> None:
        delete_budget(mail.hooks.deps, lambda: mail.hooks, OPERATOR, "alice")

    changes: list[Callable[[], object]] = [
        removed,
        lambda: put(mail, url=None),
        lambda: put(mail, url=URL + "/else"),
    ]
    for change in changes:
        put(mail)
        assert alert(mail) == 1
        letter, _ = mail.letters.sent.pop()
        change()
        deliveries.deliver(mail.hooks, letter)
        assert mail.receiver.got == []
    assert alert(mail) == 1


def test_a_receiver_that_was_switched_off_begins_anew_when_it_is_set_again(mail: Mail) -> None:
    """1.9: 410 switches it off; the same URL once more is a new one."""
    put(mail)
    alert(mail)
    mail.receiver.statuses = [410]
    deliveries.deliver(mail.hooks, mail.letters.sent.pop()[0])
    assert alert(mail) == 0
    assert put(mail).webhook_secret is not None
    assert alert(mail) == 1


def test_a_receiver_that_fails_delays_no_booking(mail: Mail, world: World) -> None:
    """N-46: bookings send nothing themselves."""
    mail.receiver.statuses = [None]
    running(world)
    put(mail, usd=0.1)
    world.clock.tick(3_600)
    assert accrue_costs(world.deps).failed == ()
    assert mail.receiver.got == []
    assert world.operations().count("budget_alert") == 2


def test_two_operators_at_once_leave_one_receiver(mail: Mail) -> None:
    """The one that lost has written nothing, neither budget nor receiver."""
    mine = mail.hooks

    def overtaken() -> Any:
        mail.hooks = mine
        put(mail, url=URL + "/theirs")
        return mine

    wanted = Wanted(limit_microusd=1, enforce=False, webhook_url=URL)
    calls = iter([overtaken])

    def hooks() -> Any:
        first = next(calls, None)
        return first() if first else mine

    with pytest.raises(Conflict):
        set_budget(mine.deps, hooks, OPERATOR, "alice", wanted)
    (hook,) = store.all_hooks(mine.table)
    budget = budget_store.read(mine.deps.costs, "alice", "2026-02")
    assert hook.url == URL + "/theirs" == budget.webhook_url
    assert hook.id == budget.webhook_id


def test_the_audit_tells_of_the_receiver_without_its_url(mail: Mail, world: World) -> None:
    """Its path may be a password."""
    put(mail)
    delete_budget(world.deps, lambda: mail.hooks, OPERATOR, "alice")
    operations = world.operations()
    wanted = ["budget_set", "webhook_created", "budget_deleted", "webhook_deleted"]
    assert [one for one in operations if one in wanted] == wanted
    assert [fact for fact in world.facts if "hooks.example" in str(fact)] == []
