"""What callers do with webhooks: make, list, read, test and remove them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.webhooks import (
    SECRET_PREFIX,
    TEST_EVENT,
    Letter,
    Posted,
    Webhook,
    target_of,
)
from gpu_shopper.errors import Conflict, TooManyRequests, ValidationFailed, WebhookNotFound
from gpu_shopper.store import webhooks as store
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deliveries import body_of, sent
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.hooks import Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What a caller wants; `consumer_id` None is for operators, the whole deployment."""

    url: str
    events: tuple[str, ...]
    consumer_id: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """A webhook and its secret, which is shown this once."""

    webhook: Webhook
    secret: str = field(repr=False)


def create(hooks: Hooks, caller: Caller, wanted: NewWebhook) -> MadeWebhook:
    """Make a webhook, after its URL was looked up. Raises: ValidationFailed, Conflict."""
    check_url(hooks, wanted.url)
    deps = hooks.deps
    hook_id, secret = deps.new_id(), SECRET_PREFIX + deps.new_secret()
    hook = Webhook(
        id=hook_id,
        url=wanted.url,
        events=wanted.events,
        secret_sealed=hooks.cipher.seal(hook_id, secret),
        created_at=deps.now(),
        consumer_id=wanted.consumer_id,
        description=wanted.description,
    )
    settings = deps.settings
    most = settings.webhooks_per_consumer if hook.consumer_id else settings.webhooks_of_deployment
    made = about(hook, "webhook_created", caller)
    store.create(hooks.table, hook, most, audited(deps, [made]))
    deps.note(made)
    return MadeWebhook(hook, secret)


def check_url(hooks: Hooks, url: str, name: str = "url") -> None:
    """Look the host up. Raises ValidationFailed, naming the field, where nothing may be sent."""
    try:
        hooks.check(target_of(url, public_only=hooks.public_only))
    except ValueError as exc:
        raise ValidationFailed([(name, f"{name} {exc}")]) from exc


def get(hooks: Hooks, caller: Caller, hook_id: str) -> Webhook:
    """The webhook. Raises WebhookNotFound, also for somebody else's."""
    hook = store.find(hooks.table, hook_id)
    if hook is None or not _may_see(caller, hook):
        raise WebhookNotFound("webhook not found")
    return hook


def _may_see(caller: Caller, hook: Webhook) -> bool:
    """A budget's receiver is the operators', though it hears of one consumer."""
    return caller.consumer_id is None or (
        caller.consumer_id == hook.consumer_id and not hook.of_budget
    )


def list_hooks(
    hooks: Hooks, wanted: Callable[[Webhook], bool], after: str | None, limit: int
) -> tuple[list[Webhook], str | None]:
    """Up to `limit` webhooks that `wanted` lets pass, and the id to go on from."""
    matching = (hook for hook in store.all_hooks(hooks.table, after) if wanted(hook))
    page = list(islice(matching, limit + 1))
    more = len(page) > limit
    return page[:limit], page[limit - 1].id if more else None


def delete(hooks: Hooks, caller: Caller, hook_id: str) -> None:
    """Remove a webhook; nothing is sent to it any more. Raises: WebhookNotFound, Conflict."""
    hook = get(hooks, caller, hook_id)
    if hook.of_budget:
        raise Conflict("this webhook belongs to a budget, and goes with it", retry_suggested=False)
    gone = about(hook, "webhook_deleted", caller)
    store.delete(hooks.table, hook, audited(hooks.deps, [gone]))
    hooks.deps.note(gone)


def send_test(hooks: Hooks, caller: Caller, hook_id: str) -> Posted:
    """Send one `webhook.test`, once. Raises: WebhookNotFound, TooManyRequests."""
    hook, deps = get(hooks, caller, hook_id), hooks.deps
    now = deps.now()
    if not store.count_test(hooks.table, hook.id, now, deps.settings.webhook_tests_per_min):
        left_s = 60 - now.second
        raise TooManyRequests("too many tests of this webhook", retry_after_seconds=left_s)
    body = body_of(deps, deps.new_id(), TEST_EVENT, {"webhook_id": hook.id})
    letter = Letter(
        webhook_id=hook.id,
        delivery_id=deps.new_id(),
        event=TEST_EVENT,
        at=now,
        due_at=now,
        body=body,
    )
    return sent(hooks, hook, letter)


def about(hook: Webhook, operation: str, caller: Caller | None = None) -> Fact:
    """A fact about a webhook, without its URL, whose path may be a password."""
    return Fact(
        operation,
        consumer_id=hook.consumer_id,
        actor="api_key" if caller else None,
        key_id=caller.key_id if caller else None,
        reason=hook.disabled_reason,
        details={"webhook_id": hook.id},
    )
