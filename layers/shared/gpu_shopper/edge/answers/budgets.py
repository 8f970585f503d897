"""Budgets, in dollars."""

from __future__ import annotations

from gpu_shopper.core.budgets import Budget
from gpu_shopper.core.money import to_usd
from gpu_shopper.edge.answers.values import Shown, instant
from gpu_shopper.usecases.setting_budgets import SetBudget


class ShownBudgetBody(Shown):
    """What a consumer may spend this month, has spent and has reserved."""

    consumer_id: str
    monthly_limit_usd: float
    enforce: bool
    webhook_url: str | None
    month: str
    spent_usd: float
    reserved_usd: float
    percentage: float
    warning_sent_at: str | None
    exceeded_sent_at: str | None
    created_at: str | None
    updated_at: str | None

    @classmethod
    def of(cls, budget: Budget) -> ShownBudgetBody:
        """The budget as it is now."""
        return cls(
            consumer_id=budget.consumer_id,
            monthly_limit_usd=to_usd(budget.limit_microusd or 0),
            enforce=budget.enforce,
            webhook_url=budget.webhook_url,
            month=budget.month,
            spent_usd=to_usd(budget.spent_microusd),
            reserved_usd=to_usd(budget.reserved_microusd),
            percentage=budget.percentage,
            warning_sent_at=instant(budget.warning_sent_at),
            exceeded_sent_at=instant(budget.exceeded_sent_at),
            created_at=instant(budget.created_at),
            updated_at=instant(budget.updated_at),
        )


class SetBudgetBody(ShownBudgetBody):
    """The budget as it was just set; the secret of a new receiver is shown this once."""

    webhook_secret: str | None = None

    @classmethod
    def of_set(cls, told: SetBudget) -> SetBudgetBody:
        """What an operator gets who has set it."""
        shown = ShownBudgetBody.of(told.budget)
        return cls(**dict(shown), webhook_secret=told.webhook_secret)


class BudgetsBody(Shown):
    """One page of budgets, by consumer."""

    budgets: list[ShownBudgetBody]
    count: int
    next_cursor: str | None = None


class BudgetDeletedBody(Shown):
    """The limit is gone; what was spent stays known."""

    message: str = "budget deleted"
    consumer_id: str
