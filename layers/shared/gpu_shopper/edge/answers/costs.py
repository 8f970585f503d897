"""What the ledger holds, in dollars and hours."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gpu_shopper.core.cost_periods import Days, Totals
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import to_usd
from gpu_shopper.edge.answers.values import Shown, instant
from gpu_shopper.usecases.costs import SessionCost

HOUR_S = 3_600


class CostsBody(Shown):
    """What one session, or all of a period, has cost; the fields that belong to the question."""

    session_id: str | None = None
    consumer_id: str | None = None
    total_cost: float
    currency: Literal["USD"] = "USD"
    session_count: int | None = None
    hours_used: float
    by_provider: dict[str, float] | None = None
    by_gpu_type: dict[str, float] | None = None
    period_start: str | None = None
    period_end: str | None = None
    final: bool | None = None
    accrued_through: str | None = None

    @classmethod
    def of_session(cls, session_id: str, cost: SessionCost) -> CostsBody:
        """What is booked of one session."""
        return cls(
            session_id=session_id,
            total_cost=to_usd(cost.microusd),
            hours_used=_hours(cost.seconds),
            final=cost.final,
            accrued_through=to_text(cost.through),
        )

    @classmethod
    def of_days(
        cls, consumer_id: str | None, totals: Totals, days: Days, through: datetime | None
    ) -> CostsBody:
        """What is booked of a period."""
        return cls(
            consumer_id=consumer_id,
            total_cost=to_usd(totals.microusd),
            session_count=totals.sessions,
            hours_used=_hours(totals.seconds),
            by_provider={name: to_usd(part) for name, part in totals.by_provider.items()},
            by_gpu_type={name: to_usd(part) for name, part in totals.by_gpu_type.items()},
            period_start=to_text(days.start),
            period_end=to_text(days.end),
            accrued_through=instant(through),
        )


def _hours(seconds: int) -> float:
    """Hours with at most four decimals."""
    return round(seconds / HOUR_S, 4)
