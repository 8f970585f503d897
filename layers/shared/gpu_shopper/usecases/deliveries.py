"""Telling webhooks: an event becomes one letter for each receiver, and a letter has five tries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid5

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.webhooks import (
    BUDGET_EVENTS,
    CONSUMER_EVENTS,
    GONE,
    Delivery,
    Letter,
    Outcome,
    Posted,
    Webhook,
    event_of,
    signature,
    target_of,
    wait_before_next_s,
)
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import sessions
from gpu_shopper.store import webhooks as store
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.hooks import Hooks

LONGEST_WAIT_S = 900
"""The longest that the queue keeps a message back; a later one is put off again."""


def tell(hooks: Hooks, told: Mapping[str, Any]) -> int:
    """Write a letter to each webhook that wants this event of the bus; how many there are.

    Coming again it makes the same letters, with the same ids.
    """
    event = event_of(told["operation"], told["details"])
    if event is None:
        return 0
    receivers = [
        hook
        for hook in _hearing(hooks, event, told.get("consumer_id"))
        if hook.wants(event) and (hook.consumer_id is None or event in CONSUMER_EVENTS)
    ]
    data = _data(hooks, event, told) if receivers else None
    if data is None:
        return 0
    body, now = body_of(hooks.deps, told["id"], event, data), hooks.deps.now()
    for hook in receivers:
        delivery_id = str(uuid5(UUID(hook.id), told["id"]))
        letter = Letter(
            webhook_id=hook.id, delivery_id=delivery_id, event=event, at=now, due_at=now, body=body
        )
        hooks.letters.send(letter, 0)
    return len(receivers)


def _hearing(hooks: Hooks, event: str, consumer_id: str | None) -> list[Webhook]:
    """Who may want to hear of it; of a budget, its own receiver too."""
    own = None
    if consumer_id is not None and event in BUDGET_EVENTS:
        own = store.of_budget(hooks.table, consumer_id)
    return [*store.hearing(hooks.table, consumer_id), *([own] if own else [])]


def _data(hooks: Hooks, event: str, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The session as it is now, what a budget's alert says, or what was found."""
    if event.startswith("budget."):
        whose = {name: told[name] for name in ("consumer_id", "at") if name in told}
        return whose | dict(told["details"])
    if not event.startswith("session."):
        names = ("provider", "instance_id", "session_id", "attempt", "reason")
        return {name: told[name] for name in names if name in told}
    try:
        return hooks.show(sessions.get(hooks.deps.sessions, told["session_id"]))
    except SessionNotFound:
        return None


def body_of(deps: Deps, event_id: str, event: str, data: Mapping[str, Any]) -> str:
    """What is sent, in all tries."""
    return json.dumps(
        {
            "id": event_id,
            "type": event,
            "created_at": to_text(deps.now()),
            "deployment_id": deps.deployment_id,
            "data": data,
        }
    )


def deliver(hooks: Hooks, letter: Letter) -> None:
    """One try, or none yet; a letter that failed comes again later, or is given up."""
    left_s = ceil((letter.due_at - hooks.deps.now()).total_seconds())
    if left_s > 0:
        hooks.letters.send(letter, min(left_s, LONGEST_WAIT_S))
        return
    hook = store.find(hooks.table, letter.webhook_id)
    if hook is None or not hook.enabled:
        _count(hooks, letter, "dropped")
        return
    posted = sent(hooks, hook, letter)
    if posted.delivered:
        _count(hooks, letter, "success")
    elif _wait_s(hooks, letter, posted) is None:
        _give_up(hooks, letter, posted)
    else:
        _again(hooks, letter, _wait_s(hooks, letter, posted) or 0)


def _wait_s(hooks: Hooks, letter: Letter, posted: Posted) -> int | None:
    """Until the next try; None when there is none."""
    if posted.delivered or posted.status_code == GONE:
        return None
    return wait_before_next_s(letter.tries + 1, hooks.deps.settings)


def sent(hooks: Hooks, hook: Webhook, letter: Letter) -> Posted:
    """One request, written down; a test has no further try."""
    now = hooks.deps.now()
    secret = hooks.cipher.open(hook.id, hook.secret_sealed)
    body, timestamp_s = letter.body.encode(), int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "X-Gpu-Shopper-Event": letter.event,
        "X-Gpu-Shopper-Delivery": letter.delivery_id,
        "X-Gpu-Shopper-Timestamp": str(timestamp_s),
        "X-Gpu-Shopper-Signature": signature(secret, timestamp_s, body),
    }
    target = target_of(hook.url, public_only=hooks.public_only)
    posted = hooks.post(target, headers, body, hooks.deps.settings)
    store.note_delivery(hooks.table, hook.id, _stands(hooks, letter, posted))
    store.note_result(hooks.table, hook.id, now, delivered=posted.delivered)
    return posted


def _stands(hooks: Hooks, letter: Letter, posted: Posted) -> Delivery:
    over = _wait_s(hooks, letter, posted) is None or letter.event == "webhook.test"
    failed = Outcome.FAILED if over else Outcome.PENDING
    return Delivery(
        delivery_id=letter.delivery_id,
        event=letter.event,
        at=letter.at,
        tries=letter.tries + 1,
        outcome=Outcome.SUCCESS if posted.delivered else failed,
        status_code=posted.status_code,
        error=posted.error,
    )


def _again(hooks: Hooks, letter: Letter, wait_s: int) -> None:
    due_at = hooks.deps.now() + timedelta(seconds=wait_s)
    later = replace(letter, tries=letter.tries + 1, due_at=due_at)
    hooks.letters.send(later, min(wait_s, LONGEST_WAIT_S))


def _give_up(hooks: Hooks, letter: Letter, posted: Posted) -> None:
    hooks.letters.give_up(letter)
    _count(hooks, letter, "failed")
    hook = store.count_failure(hooks.table, letter.webhook_id)
    most = hooks.deps.settings.webhook_failures_disable
    if hook is None or not hook.enabled:
        return
    if posted.status_code == GONE:
        _disable(hooks, hook, "gone")
    elif hook.consecutive_failures >= most:
        _disable(hooks, hook, "failing")


def _disable(hooks: Hooks, hook: Webhook, reason: str) -> None:
    off = Fact(
        "webhook_disabled",
        consumer_id=hook.consumer_id,
        reason=reason,
        details={"webhook_id": hook.id},
    )
    if store.disable(hooks.table, hook, reason, audited(hooks.deps, [off])):
        hooks.deps.note(off)


def _count(hooks: Hooks, letter: Letter, result: str) -> None:
    details = {"webhook_id": letter.webhook_id, "delivery_id": letter.delivery_id}
    counted, words = {"WebhookDeliveries": 1.0}, {"Result": result}
    fact = Fact("webhook_delivery", metrics=counted, dimensions=words, details=details)
    hooks.deps.note(fact)
