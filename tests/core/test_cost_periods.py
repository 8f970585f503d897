"""Which days a question about costs means, and what rows add up to."""

from __future__ import annotations

from datetime import date

import pytest

from gpu_shopper.core.cost_periods import CostPeriod, Days, added, days_meant
from gpu_shopper.core.costs import Share
from gpu_shopper.core.instants import from_text

TODAY = date(2026, 2, 7)
DAILY, MONTHLY = CostPeriod.DAILY, CostPeriod.MONTHLY


@pytest.mark.parametrize(
    ("start", "end", "period", "meant"),
    [
        (None, None, None, ("2026-02-01", "2026-02-28")),
        (None, "2026-03-05", None, ("2026-03-01", "2026-03-05")),
        ("2024-02-10", None, None, ("2024-02-10", "2024-02-29")),
        ("2026-02-03", "2026-02-03", None, ("2026-02-03", "2026-02-03")),
        ("2025-12-31", "2026-01-01", None, ("2025-12-31", "2026-01-01")),
        (None, None, DAILY, ("2026-02-07", "2026-02-07")),
        ("2025-11-30", None, DAILY, ("2025-11-30", "2025-11-30")),
        (None, None, MONTHLY, ("2026-02-01", "2026-02-28")),
        ("2025-12-31", None, MONTHLY, ("2025-12-01", "2025-12-31")),
    ],
)
def test_dates_and_periods_mean_these_days(
    start: str | None, end: str | None, period: CostPeriod | None, meant: tuple[str, str]
) -> None:
    """M-10, M-39, M-56: both ends are included; without any it is the current month."""
    first, last = (date.fromisoformat(one) if one else None for one in (start, end))
    days = days_meant(first, last, period, TODAY)
    assert (days.first.isoformat(), days.last.isoformat()) == meant


def test_a_period_ends_with_the_first_instant_after_it() -> None:
    """M-39: one day is exactly that UTC day."""
    day = Days(date(2026, 12, 31), date(2026, 12, 31))
    assert (day.start, day.end, day.count) == (
        from_text("2026-12-31T00:00:00Z"),
        from_text("2027-01-01T00:00:00Z"),
        1,
    )
    assert Days(date(2026, 2, 2), date(2026, 2, 1)).count == 0


def test_totals_count_each_session_once_and_break_down_into_themselves() -> None:
    """N-42: totals by provider and GPU type agree with one another."""

    def share(provider: str, gpu_type: str, microusd: int) -> Share:
        return Share(provider=provider, gpu_type=gpu_type, seconds=10, microusd=microusd)

    rows = [
        ("one", [share("vastai", "RTX 4090", 5), share("tensordock", "H100", 7)]),
        ("one", [share("vastai", "RTX 4090", 11)]),
        ("two", [share("vastai", "H100", 13)]),
    ]
    totals = added(rows)
    assert (totals.microusd, totals.seconds, totals.sessions) == (36, 40, 2)
    assert totals.by_provider == {"tensordock": 7, "vastai": 29}
    assert totals.by_gpu_type == {"H100": 20, "RTX 4090": 16}
    assert added([]).by_provider == {}
