"""Requests about budgets in, budgets out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.money import from_usd
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.budgets import BudgetsBody, ShownBudgetBody
from gpu_shopper.edge.bodies import BudgetBody, BudgetsQuery
from gpu_shopper.edge.callers import caller_of, operator_of
from gpu_shopper.errors import BudgetNotFound, Forbidden
from gpu_shopper.usecases.budgets import get_budget, list_budgets
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.setting_budgets import Wanted

OWN = re.compile(r"/api/v1/budgets/([^/]+)")
_CONSUMER = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


def allowed_caller(event: dict[str, Any]) -> Caller:
    """An operator, or a consumer who reads its own budget. Raises Unauthorized, Forbidden."""
    caller, own = caller_of(event), OWN.fullmatch(event.get("path", ""))
    reads = event.get("httpMethod") in ("GET", "HEAD")
    if own and reads and caller.consumer_id == own[1]:
        return caller
    return operator_of(event)


def consumer_of(text: str) -> str:
    """A consumer from a path. Raises BudgetNotFound for what no consumer is called."""
    if _CONSUMER.fullmatch(text) is None:
        raise BudgetNotFound("budget not found")
    return text


def shown_budget(deps: Deps, caller: Caller, consumer_id: str) -> ShownBudgetBody:
    """One budget. Raises Forbidden, BudgetNotFound."""
    if not caller.sees(consumer_id):
        raise Forbidden("this key sees its own consumer's budget only")
    return ShownBudgetBody.of(get_budget(deps, consumer_of(consumer_id)))


def wanted_budget(body: BudgetBody) -> Wanted:
    """The same in the use cases' words."""
    return Wanted(
        limit_microusd=from_usd(Decimal(str(body.monthly_limit_usd))),
        enforce=body.enforce,
        webhook_url=body.webhook_url,
    )


def listed_budgets(deps: Deps, caller: Caller, query: BudgetsQuery) -> BudgetsBody:
    """One page of budgets."""
    now = deps.now()
    scope = f"budgets {caller.key_id}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page, last = list_budgets(deps, after, query.limit)
    return BudgetsBody(
        budgets=[ShownBudgetBody.of(one) for one in page],
        count=len(page),
        next_cursor=cursors.issue(last, scope, deps.deployment_id, now),
    )
