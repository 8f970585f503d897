"""What operators do with budgets: set them, with a receiver of their alerts, and take them away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.budgets import Budget, month_name
from gpu_shopper.core.money import to_usd
from gpu_shopper.core.webhooks import BUDGET_EVENTS, SECRET_PREFIX, Webhook
from gpu_shopper.store import budgets as store
from gpu_shopper.store import webhooks as hook_store
from gpu_shopper.store.transactions import Delete, Put
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.budgets import get_budget, tell_alerts
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.webhooks import about, check_url

type LazyHooks = Callable[[], Hooks]
"""Webhooks, for who needs them: most budgets have no receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operator wants of a consumer's budget; `webhook_url` None is no receiver."""

    limit_microusd: int
    enforce: bool
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget:
    """The budget as it is now; the secret of a new receiver is shown this once."""

    budget: Budget
    is_new: bool
    webhook_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receiver:
    """The receiver after a change, and what has to be written and told for it."""

    webhook_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    actions: tuple[Put | Delete, ...] = ()
    facts: tuple[Fact, ...] = ()


def set_budget(
    deps: Deps, hooks: LazyHooks, caller: Caller, consumer_id: str, wanted: Wanted
) -> SetBudget:
    """Set what the consumer may spend a month, and who is told of it.

    Raises: ValidationFailed for a URL that may not be told; Conflict.
    """
    now = deps.now()
    before = store.opened(deps.costs, consumer_id, month_name(now))
    receiver = _receiver(hooks, caller, before, wanted.webhook_url)
    details = {
        "monthly_limit_usd": to_usd(wanted.limit_microusd),
        "enforce": wanted.enforce,
        "webhook": receiver.webhook_id is not None,
    }
    facts = [_by(caller, "budget_set", consumer_id, details), *receiver.facts]
    store.put(
        deps.costs,
        before,
        wanted.limit_microusd,
        [*receiver.actions, *audited(deps, facts)],
        enforce=wanted.enforce,
        webhook=(receiver.webhook_id, wanted.webhook_url),
        at=now,
    )
    for fact in facts:
        deps.note(fact)
    tell_alerts(deps, consumer_id)
    return SetBudget(
        budget=get_budget(deps, consumer_id),
        is_new=before.limit_microusd is None,
        webhook_secret=receiver.secret,
    )


def delete_budget(deps: Deps, hooks: LazyHooks, caller: Caller, consumer_id: str) -> None:
    """Take the limit away, and its receiver. Raises BudgetNotFound, Conflict."""
    before = store.opened(deps.costs, consumer_id, month_name(deps.now()))
    receiver = _receiver(hooks, caller, before, None)
    facts = [_by(caller, "budget_deleted", consumer_id, {}), *receiver.facts]
    store.delete(deps.costs, before, [*receiver.actions, *audited(deps, facts)])
    for fact in facts:
        deps.note(fact)


def _receiver(hooks: LazyHooks, caller: Caller, before: Budget, url: str | None) -> _Receiver:
    """What makes `url` the receiver of the budget's alerts. Raises ValidationFailed.

    One that is told already goes on with its secret; one that was switched off begins anew.
    """
    if before.webhook_id is None and url is None:
        return _Receiver()
    old = hook_store.find(hooks().table, before.webhook_id) if before.webhook_id else None
    if old is not None and old.enabled and old.url == url:
        return _Receiver(webhook_id=old.id)
    made, secret = _made(hooks(), before.consumer_id, url) if url else (None, None)
    told = [about(old, "webhook_deleted", caller)] if old else []
    told += [about(made, "webhook_created", caller)] if made else []
    return _Receiver(
        webhook_id=made.id if made else None,
        secret=secret,
        actions=hook_store.changing(hooks().table, before.consumer_id, old, made),
        facts=tuple(told),
    )


def _made(hooks: Hooks, consumer_id: str, url: str) -> tuple[Webhook, str]:
    check_url(hooks, url, "webhook_url")
    hook_id, secret = hooks.deps.new_id(), SECRET_PREFIX + hooks.deps.new_secret()
    hook = Webhook(
        id=hook_id,
        url=url,
        events=BUDGET_EVENTS,
        secret_sealed=hooks.cipher.seal(hook_id, secret),
        created_at=hooks.deps.now(),
        consumer_id=consumer_id,
        description="alerts of the budget",
        of_budget=True,
    )
    return hook, secret


def _by(caller: Caller, operation: str, consumer_id: str, told: Mapping[str, object]) -> Fact:
    return Fact(
        operation=operation,
        consumer_id=consumer_id,
        actor="api",
        key_id=caller.key_id,
        details=told,
    )
