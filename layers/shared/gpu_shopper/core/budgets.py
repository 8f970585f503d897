"""What a consumer may spend in a calendar month, and what it has spent and reserved of that."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from gpu_shopper.core.costs import HOUR_S
from gpu_shopper.core.draining import drain_s
from gpu_shopper.core.money import accrued
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State


class AlertType(StrEnum):
    """How much of a budget is spent."""

    WARNING = "warning"
    EXCEEDED = "exceeded"


PERCENT = {AlertType.WARNING: 80, AlertType.EXCEEDED: 100}
"""Of the limit, spent: from here on the alert is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One consumer's account in one calendar month (UTC), `2026-02`.

    `committed_microusd` is what is spent this month and what live sessions have reserved.
    `limit_microusd` is None without a budget: then nothing is limited. `revision` counts the
    changes of limit and enforcement. The webhook hears of its alerts.
    """

    consumer_id: str
    month: str
    spent_microusd: int = 0
    committed_microusd: int = 0
    revision: int = 0
    limit_microusd: int | None = None
    enforce: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    warning_sent_at: datetime | None = None
    exceeded_sent_at: datetime | None = None
    webhook_id: str | None = None
    webhook_url: str | None = None

    @property
    def reserved_microusd(self) -> int:
        """What live sessions have reserved and not spent yet."""
        return self.committed_microusd - self.spent_microusd

    @property
    def percentage(self) -> float:
        """How much of the limit is spent, to two decimals; 0 without a limit."""
        if not self.limit_microusd:
            return 0.0
        share = Decimal(self.spent_microusd * 100) / self.limit_microusd
        return float(share.quantize(Decimal("0.01"), ROUND_HALF_EVEN))

    def allows(self, microusd: int) -> bool:
        """Whether so much more may be reserved; exactly the limit may."""
        if self.limit_microusd is None or not self.enforce:
            return True
        return self.committed_microusd + microusd <= self.limit_microusd

    def has_reached(self, alert: AlertType) -> bool:
        """Whether so much is spent."""
        if self.limit_microusd is None:
            return False
        return self.spent_microusd * 100 >= self.limit_microusd * PERCENT[alert]

    @property
    def ends_sessions(self) -> bool:
        """Whether running sessions must end: all is spent, and the limit is enforced."""
        return self.enforce and self.has_reached(AlertType.EXCEEDED)

    def sent_at(self, alert: AlertType) -> datetime | None:
        """When this month's alert was sent."""
        return self.warning_sent_at if alert is AlertType.WARNING else self.exceeded_sent_at

    def in_month(self, month: str) -> Budget:
        """The account in a later month: nothing is spent or told yet, reservations go on."""
        if month <= self.month:
            return self
        return replace(
            self,
            month=month,
            spent_microusd=0,
            committed_microusd=self.reserved_microusd,
            warning_sent_at=None,
            exceeded_sent_at=None,
        )


def month_name(at: datetime) -> str:
    """The calendar month that contains `at`, as `2026-02`."""
    return f"{at:%Y-%m}"


def reservation(session: Session, now: datetime, settings: Settings) -> int:
    """Micro-dollars that the session has reserved beyond what it has cost.

    The whole reservation until it runs, then what is left to its expiry, each with the drain that
    may follow; nothing once it has ended.
    """
    if not session.is_live:
        return 0
    price = session.attempt.price_microusd_per_hour
    drains_s = drain_s(session.wish, settings)
    if session.state in (State.PENDING, State.PROVISIONING):
        return accrued(price, session.reservation_hours * HOUR_S + drains_s)
    until = session.drain_until or session.expires_at + timedelta(seconds=drains_s)
    return accrued(price, max(0, math.ceil((until - now).total_seconds())))


def reserves_anew(before: Session, after: Session) -> bool:
    """Whether this change needs money that was not reserved before: an extension, an attempt."""
    is_longer = after.reservation_hours > before.reservation_hours
    return is_longer or len(after.attempts) > len(before.attempts)
