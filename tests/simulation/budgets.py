"""Budgets: operators set them, and nothing is reserved beyond them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.budgets import Budget, month_name
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import BudgetExceeded
from gpu_shopper.store.codec import from_item
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.setting_budgets import Wanted, set_budget
from tests.simulation.allowed import Limit
from tests.simulation.excuses import cost_of_losses_ms
from tests.simulation.executions import Failure
from tests.simulation.functions import API
from tests.simulation.scheduler import MINUTE, SECOND, Scheduler, Violation

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

type Item = dict[str, Any]

SWEEP_MAX_MS = 3 * MINUTE
"""A sweep may have looked so long before it wrote; meanwhile the limit may have been raised."""

ENDS_MS = 2 * MINUTE + 15 * SECOND
"""From the booking that uses a budget up: a sweep that loses its write is followed by another."""

MOST_TRIES = 5
_OPERATOR = Caller("operator", Role.OPERATOR, None)


def _no_receivers() -> Hooks:
    raise AssertionError("no budget of these runs has a receiver")


class Operator:
    """Sets one limit; a call that fails is tried again."""

    def __init__(self, limit: Limit, deployment: Deployment, scheduler: Scheduler) -> None:
        self._limit, self._deployment, self._scheduler = limit, deployment, scheduler

    def begin(self) -> None:
        """Plan it."""
        self._scheduler.at(self._limit.at_ms, self._set)

    def _set(self, tries: int = 1) -> None:
        limit, deployment = self._limit, self._deployment

        def told(answer: Any) -> None:
            if isinstance(answer, Failure) and tries < MOST_TRIES:
                self._scheduler.after(SECOND, lambda: self._set(tries + 1))

        deployment.run(
            f"the operator's limit of {limit.microusd} for {limit.consumer_id}",
            API,
            lambda: set_budget(
                deployment.deps,
                _no_receivers,
                _OPERATOR,
                limit.consumer_id,
                Wanted(limit_microusd=limit.microusd, enforce=limit.enforce),
            ),
            told,
        )


class Accounts:
    """Sees every write of an account, every end for a budget's sake, and every refusal."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._seen: dict[str, list[tuple[int, Budget]]] = {}

    def cost_written(self, before: Item | None, after: Item | None) -> None:
        """N-70: what is reserved anew fits the limit. Raises Violation."""
        if after is None or after["sk"] != "ACCOUNT":
            return
        account = from_item(Budget, after)
        old = from_item(Budget, before) if before else replace(account, committed_microusd=0)
        reserves = account.committed_microusd > old.committed_microusd
        if reserves and account.spent_microusd == old.spent_microusd and not account.allows(0):
            raise Violation(f"N-70 {account} is reserved beyond its limit")
        now_ms = self._deployment.watch.now_ms
        self._seen.setdefault(account.consumer_id, []).append((now_ms, account))

    def session_written(self, before: Item | None, after: Item | None) -> None:
        """N-67: only who has spent an enforced budget loses a session for it."""
        if after is None or before is None or after["sk"] != "SESSION" or "end_reason" in before:
            return
        if after.get("end_reason") == EndReason.BUDGET_EXCEEDED:
            since_ms = self._deployment.watch.now_ms - SWEEP_MAX_MS
            if not any(one.ends_sessions for one in self._since(after["consumer_id"], since_ms)):
                raise Violation(f"N-67 {after['id']} ended for a budget that was not spent")

    def refused(self, error: BudgetExceeded, consumer_id: str, since_ms: int) -> None:
        """A request since then was refused: at some moment the limit did not allow it."""
        asked = round(error.extra["requested_usd"] * 1_000_000)
        if all(one.allows(asked) for one in self._since(consumer_id, since_ms)):
            raise Violation(f"N-70 {consumer_id} was refused {asked} without a cause")

    def may_run_out(self, consumer_id: str) -> bool:
        """Whether more is reserved than an enforced limit allows: sessions may end for it."""
        seen = self._seen.get(consumer_id, [])
        return any(not self._as_of_now(account).allows(0) for _, account in seen[-1:])

    def check_ends(self) -> None:
        """N-70: who has spent an enforced budget has no session that goes on running."""
        deployment, now_ms = self._deployment, self._deployment.watch.now_ms
        for consumer_id, seen in self._seen.items():
            if not self._as_of_now(seen[-1][1]).ends_sessions:
                continue
            spent_ms = _since_when(seen)
            for one in deployment.watch.sessions.values():
                if one.item["consumer_id"] != consumer_id or one.state != State.RUNNING.value:
                    continue
                from_ms = max(spent_ms, one.entered_ms)
                allowed_ms = ENDS_MS + cost_of_losses_ms(deployment, from_ms, now_ms)
                if now_ms - from_ms > allowed_ms:
                    raise Violation(f"N-70 {one.id} runs on, and its budget is spent")

    def _as_of_now(self, account: Budget) -> Budget:
        return account.in_month(month_name(self._deployment.deps.now()))

    def _since(self, consumer_id: str, since_ms: int) -> list[Budget]:
        """The account at that instant and after each write since."""
        seen = self._seen.get(consumer_id, [])
        first = max(0, bisect_right(seen, since_ms, key=lambda one: one[0]) - 1)
        return [account for _, account in seen[first:]]


def _since_when(seen: list[tuple[int, Budget]]) -> int:
    """When the account, whose budget is spent, became so."""
    became_ms = seen[-1][0]
    for at_ms, account in reversed(seen):
        if not account.ends_sessions:
            break
        became_ms = at_ms
    return became_ms
