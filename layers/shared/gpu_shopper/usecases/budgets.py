"""Budgets: reserving before anything is rented, and alerts once a month."""

from __future__ import annotations

from dataclasses import replace

from gpu_shopper.core.budgets import AlertType, Budget, month_name, reservation
from gpu_shopper.core.money import to_usd
from gpu_shopper.core.session import Session
from gpu_shopper.errors import BudgetExceeded, BudgetNotFound
from gpu_shopper.store import budgets as store
from gpu_shopper.store import costs
from gpu_shopper.store.transactions import Action
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact


def reserving(deps: Deps, session: Session) -> list[Action]:
    """The part of a transaction that reserves what `session` needs now, instead of before.

    It fails when somebody else reserved or booked meanwhile. Raises BudgetExceeded when an enforced
    budget does not allow it.
    """
    now = deps.now()
    booked = costs.booked(deps.costs, [session.id]).get(session.id)
    wanted = reservation(session, now, deps.settings)
    more = wanted - (booked.reserved_microusd if booked else 0)
    budget = store.opened(deps.costs, session.consumer_id, month_name(now))
    if not budget.allows(more):
        raise _refused(deps, budget, more)
    after = replace(
        booked or costs.nothing_booked(session),
        writes=(booked.writes if booked else 0) + 1,
        reserved_microusd=wanted,
    )
    return [
        costs.noting(deps.costs, booked, after),
        store.moving(deps.costs, budget, more, 0, checked=True),
    ]


def _refused(deps: Deps, budget: Budget, microusd: int) -> BudgetExceeded:
    told = {
        "monthly_limit_usd": to_usd(budget.limit_microusd or 0),
        "spent_usd": to_usd(budget.spent_microusd),
        "reserved_usd": to_usd(budget.reserved_microusd),
        "requested_usd": to_usd(microusd),
    }
    counted = {"BudgetRefusals": 1.0}
    fact = Fact("budget_refused", consumer_id=budget.consumer_id, metrics=counted, details=told)
    deps.note(fact)
    return BudgetExceeded("the consumer's monthly budget does not allow this", **told)


def tell_alerts(deps: Deps, consumer_id: str) -> None:
    """Tell, once a calendar month each, that so much of the budget is spent."""
    now = deps.now()
    budget = store.read(deps.costs, consumer_id, month_name(now))
    for alert in AlertType:
        if not budget.has_reached(alert) or budget.sent_at(alert) is not None:
            continue
        told = _alert(budget, alert)
        if store.mark_sent(deps.costs, budget, alert, now, audited(deps, [told])):
            deps.note(told)


def _alert(budget: Budget, alert: AlertType) -> Fact:
    return Fact(
        operation="budget_alert",
        consumer_id=budget.consumer_id,
        metrics={"BudgetAlerts": 1},
        dimensions={"AlertType": alert.value},
        details={
            "monthly_limit_usd": to_usd(budget.limit_microusd or 0),
            "spent_usd": to_usd(budget.spent_microusd),
            "reserved_usd": to_usd(budget.reserved_microusd),
            "percentage": budget.percentage,
            "alert_type": alert.value,
            "month": budget.month,
        },
    )


def spent_out(deps: Deps) -> frozenset[str]:
    """Consumers whose enforced budget is spent: their running sessions must end."""
    known = store.consumers(deps.costs)
    budgets = store.read_all(deps.costs, known, month_name(deps.now()))
    return frozenset(budget.consumer_id for budget in budgets if budget.ends_sessions)


def get_budget(deps: Deps, consumer_id: str) -> Budget:
    """The consumer's budget as it is now. Raises BudgetNotFound without a limit."""
    budget = store.read(deps.costs, consumer_id, month_name(deps.now()))
    if budget.limit_microusd is None:
        raise BudgetNotFound("budget not found")
    return budget


def list_budgets(deps: Deps, after: str | None, limit: int) -> tuple[list[Budget], str | None]:
    """Up to `limit` budgets after that consumer, in the consumers' order; the last, if more are."""
    known = store.consumers(deps.costs, after, limit + 1)
    page = known[:limit]
    shown = store.read_all(deps.costs, page, month_name(deps.now()))
    there = [budget for budget in shown if budget.limit_microusd is not None]
    return there, page[-1] if len(known) > limit else None
