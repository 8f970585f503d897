"""Requests for webhooks in, lists out; events of the bus and letters from the queue."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, Literal

from pydantic import Field

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.webhooks import (
    CONSUMER_EVENTS,
    DEPLOYMENT_EVENTS,
    Letter,
    Webhook,
)
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.webhooks import WebhookBody, WebhooksBody
from gpu_shopper.edge.bodies import Query, RequestBody
from gpu_shopper.edge.fields import ConsumerId, Cursor, Limit, Text, WebhookUrl
from gpu_shopper.errors import Forbidden, ValidationFailed, WebhookNotFound
from gpu_shopper.store.codec import from_item, to_item
from gpu_shopper.usecases import webhooks
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.webhooks import NewWebhook

EventName = Literal[
    "session.running",
    "session.retrying",
    "session.expiring",
    "session.stopping",
    "session.stopped",
    "session.failed",
    "session.host_key_changed",
    "budget.warning",
    "budget.exceeded",
    "orphan.detected",
    "ghost.detected",
    "destroy.delayed",
    "provider.unavailable",
    "provider.recovered",
    "provider.auth_failed",
]


class CreateWebhookBody(RequestBody):
    """Who is to be told of what."""

    url: WebhookUrl
    events: Annotated[list[EventName], Field(min_length=1, max_length=20)] | None = None
    consumer_id: ConsumerId | None = None
    description: Text | None = None


class WebhooksQuery(Query):
    """Which webhooks to list."""

    consumer_id: ConsumerId | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


def hook_id_of(text: str) -> str:
    """A webhook id from a path. Raises WebhookNotFound for anything but a canonical UUID."""
    try:
        canonical = str(uuid.UUID(text))
    except ValueError as exc:
        raise WebhookNotFound("webhook not found") from exc
    if canonical != text.lower():
        raise WebhookNotFound("webhook not found")
    return canonical


def new_webhook_of(body: CreateWebhookBody, caller: Caller) -> NewWebhook:
    """The request for the consumer it is for. Raises: Forbidden, ValidationFailed."""
    if body.consumer_id is not None and not caller.sees(body.consumer_id):
        raise Forbidden("this key has webhooks of its own consumer only")
    consumer_id = body.consumer_id or caller.consumer_id
    allowed = CONSUMER_EVENTS if consumer_id else DEPLOYMENT_EVENTS
    events = allowed if body.events is None else tuple(dict.fromkeys(body.events))
    if not set(events) <= set(allowed):
        text = f"events must be one of {', '.join(allowed)}, for a webhook of one consumer"
        raise ValidationFailed([("events", text)])
    return NewWebhook(
        url=body.url, events=events, consumer_id=consumer_id, description=body.description
    )


def listed_webhooks(hooks: Hooks, caller: Caller, query: WebhooksQuery) -> WebhooksBody:
    """One page of the webhooks that `caller` may see and `query` asks for."""
    if query.consumer_id and not caller.sees(query.consumer_id):
        raise Forbidden("this key sees its own consumer's webhooks only")
    whose = query.consumer_id if caller.role is Role.OPERATOR else caller.consumer_id

    def wanted(hook: Webhook) -> bool:
        return whose is None or (
            whose == hook.consumer_id and (caller.role is Role.OPERATOR or not hook.of_budget)
        )

    deps = hooks.deps
    now, scope = deps.now(), f"webhooks {caller.key_id} {whose}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page, next_id = webhooks.list_hooks(hooks, wanted, after, query.limit)
    return WebhooksBody(
        webhooks=[WebhookBody.of(one) for one in page],
        count=len(page),
        next_cursor=cursors.issue(next_id, scope, deps.deployment_id, now),
    )


def written(letter: Letter) -> str:
    """The letter as the queue carries it."""
    return json.dumps({"letter": to_item(letter)})


def letter_of(message: dict[str, Any]) -> Letter | None:
    """The letter in a message of the queue; None when it is an event of the bus."""
    return from_item(Letter, message["letter"]) if "letter" in message else None
