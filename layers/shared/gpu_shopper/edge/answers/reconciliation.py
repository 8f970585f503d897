"""Our ledger beside the providers' charges, in dollars."""

from __future__ import annotations

from typing import ClassVar, Literal

from gpu_shopper.core.comparing import Compared, Total
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import to_usd
from gpu_shopper.edge.answers.values import Shown


class ComparedBody(Shown):
    """One session at one provider on one UTC day."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"charged_usd", "difference_usd"})

    day: str
    provider: str
    session_id: str
    consumer_id: str | None = None
    booked_usd: float
    charged_usd: float | None
    difference_usd: float | None
    rounding_usd: float
    proof_usd: float
    basis: Literal["charges", "price"]
    compared_at: str

    @classmethod
    def of(cls, row: Compared) -> ComparedBody:
        """The row; what is unknown is null."""
        charged = row.charged_microusd
        return cls(
            day=row.day.isoformat(),
            provider=row.provider,
            session_id=row.session_id,
            consumer_id=row.consumer_id,
            booked_usd=to_usd(row.booked_microusd),
            charged_usd=None if charged is None else to_usd(charged),
            difference_usd=None if charged is None else to_usd(charged - row.booked_microusd),
            rounding_usd=to_usd(row.rounding_microusd),
            proof_usd=to_usd(row.proof_microusd),
            basis=row.basis.value,
            compared_at=to_text(row.compared_at),
        )


class ProviderTotalBody(Shown):
    """All sessions at one provider in the period."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"charged_usd", "difference_usd", "drift_percent"}
    )

    session_days: int
    booked_usd: float
    charged_usd: float | None
    difference_usd: float | None
    drift_percent: float | None
    unbooked_session_days: int
    unknown_session_days: int
    unknown_booked_usd: float

    @classmethod
    def of(cls, told: Total) -> ProviderTotalBody:
        """The total; without any known charge there is no difference."""
        bp, apart = told.drift_bp, told.charged_microusd - told.booked_microusd
        return cls(
            session_days=told.sessions,
            booked_usd=to_usd(told.booked_microusd),
            charged_usd=None if bp is None else to_usd(told.charged_microusd),
            difference_usd=None if bp is None else to_usd(apart),
            drift_percent=None if bp is None else bp / 100,
            unbooked_session_days=told.unbooked,
            unknown_session_days=told.unknown,
            unknown_booked_usd=to_usd(told.unknown_booked_microusd),
        )


class ReconciliationBody(Shown):
    """One page of comparisons, and the totals of the whole period."""

    reconciliation: list[ComparedBody]
    count: int
    totals: dict[str, ProviderTotalBody]
    period_start: str
    period_end: str
    next_cursor: str | None = None

    @classmethod
    def of(
        cls, page: list[Compared], totals: dict[str, Total], days: Days, cursor: str | None
    ) -> ReconciliationBody:
        """The page in its period."""
        return cls(
            reconciliation=[ComparedBody.of(row) for row in page],
            count=len(page),
            totals={name: ProviderTotalBody.of(told) for name, told in totals.items()},
            period_start=to_text(days.start),
            period_end=to_text(days.end),
            next_cursor=cursor,
        )
