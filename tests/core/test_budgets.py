"""Budgets: what may be reserved, when alerts are due, and what a new month forgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.budgets import AlertType, Budget, reservation, reserves_anew
from gpu_shopper.core.life import evolve
from gpu_shopper.core.reservations import extended
from gpu_shopper.core.session import Session, StoragePolicy
from gpu_shopper.core.states import State
from tests.builders import NOON, SETTINGS, a_session, an_attempt, later


def a_budget(**changes: Any) -> Budget:
    given = {"limit_microusd": 10_000_000, "enforce": True, "committed_microusd": 5_950_000}
    return Budget(consumer_id="alice", month="2026-02", **(given | changes))


def test_exactly_the_limit_may_be_reserved_and_no_more() -> None:
    """N-44: the contract's example: 4.20 spent, 1.75 reserved, 4.05 more."""
    budget = a_budget(spent_microusd=4_200_000)
    assert budget.reserved_microusd == 1_750_000
    assert budget.allows(4_050_000)
    assert not budget.allows(4_050_001)


@pytest.mark.parametrize("changes", [{"enforce": False}, {"limit_microusd": None}])
def test_nothing_is_refused_without_enforcement(changes: dict[str, Any]) -> None:
    """N-44: with enforce off all are created."""
    assert a_budget(**changes).allows(10**12)


@pytest.mark.parametrize(
    ("spent", "reached", "percentage"),
    [
        (7_999_999, [], 80.0),
        (8_000_000, [AlertType.WARNING], 80.0),
        (9_999_999, [AlertType.WARNING], 100.0),
        (10_000_000, [AlertType.WARNING, AlertType.EXCEEDED], 100.0),
        (10_123_400, [AlertType.WARNING, AlertType.EXCEEDED], 101.23),
    ],
)
def test_alerts_are_due_at_80_and_at_100_percent_of_what_is_spent(
    spent: int, reached: list[AlertType], percentage: float
) -> None:
    """N-45: reservations do not count."""
    budget = a_budget(spent_microusd=spent, committed_microusd=20_000_000)
    assert [alert for alert in AlertType if budget.has_reached(alert)] == reached
    assert budget.percentage == percentage
    assert budget.ends_sessions == (AlertType.EXCEEDED in reached)


def test_without_enforcement_or_limit_no_session_ends() -> None:
    """N-47."""
    spent = {"spent_microusd": 10**9, "committed_microusd": 10**9}
    assert not a_budget(enforce=False, **spent).ends_sessions
    unlimited = a_budget(limit_microusd=None, **spent)
    assert not unlimited.ends_sessions
    assert unlimited.percentage == 0


def test_a_new_month_starts_with_nothing_spent_and_with_all_that_is_reserved() -> None:
    """N-43: alerts may come again."""
    budget = a_budget(spent_microusd=4_200_000, warning_sent_at=NOON, exceeded_sent_at=NOON)
    march = budget.in_month("2026-03")
    assert (march.month, march.spent_microusd, march.reserved_microusd) == ("2026-03", 0, 1_750_000)
    assert (march.warning_sent_at, march.exceeded_sent_at) == (None, None)
    assert march.in_month("2026-02") == march


def reserved(session: Session, at_s: float) -> int:
    return reservation(session, later(at_s), SETTINGS)


def test_a_session_reserves_all_until_it_runs_and_then_what_is_left() -> None:
    """2.16: nothing once it has ended."""
    for state in (State.PENDING, State.PROVISIONING):
        assert reserved(a_session(state=state), 3_600) == 800_000
    for state in (State.RUNNING, State.STOPPING):
        assert reserved(a_session(state=state), 1_800) == 600_000
        assert reserved(a_session(state=state), 7_200) == 0
        assert reserved(a_session(state=state), 9_000) == 0
    for state in (State.STOPPED, State.FAILED):
        assert reserved(a_session(state=state), 0) == 0


def test_a_drain_is_reserved_with_the_hours() -> None:
    """2.16: drain_minutes under preserve; then until the drain is over."""
    wish = replace(a_session().wish, storage_policy=StoragePolicy.PRESERVE, drain_min=15)
    assert reserved(a_session(state=State.PENDING, wish=wish), 0) == 900_000
    assert reserved(a_session(wish=wish), 7_200) == 100_000
    draining = a_session(state=State.STOPPING, wish=wish, drains=True, drain_until=later(900))
    assert reserved(draining, 0) == 100_000


def test_only_extensions_and_attempts_need_more() -> None:
    session = a_session()
    again = evolve(session, NOON, attempts=(*session.attempts, an_attempt(number=2)))
    assert reserves_anew(session, extended(session, 1, NOON))
    assert reserves_anew(session, again)
    assert not reserves_anew(session, evolve(session, NOON))
