"""Alerts of budgets: at 80 % and at 100 %, each once a month, whatever happens meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from gpu_shopper.core.budgets import AlertType, Budget
from gpu_shopper.store import budgets as store
from gpu_shopper.usecases import budgets, setting_budgets
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.setting_budgets import delete_budget
from tests.usecases.budgeting import account, limit, no_hooks
from tests.usecases.story import running, stop, torn_down
from tests.world import OPERATOR, World


def alerts(world: World) -> list[object]:
    told = [fact for fact in world.facts if fact.operation == "budget_alert"]
    assert [fact.metrics for fact in told] == [{"BudgetAlerts": 1}] * len(told)
    kinds = [fact.details["alert_type"] for fact in told]
    assert [fact.dimensions for fact in told] == [{"AlertType": one} for one in kinds]
    return kinds


def test_alerts_come_once_a_month_each(world: World) -> None:
    """N-45, M-64: at 80 % and at 100 %, under many jobs."""
    limit(world, 0.25, enforce=False)
    running(world)
    world.clock.tick(1_750)
    accrue_costs(world.deps)
    assert alerts(world) == []
    world.clock.tick(60)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: accrue_costs(world.deps), range(10)))
    assert alerts(world) == ["warning"]
    world.clock.tick(600)
    accrue_costs(world.deps)
    accrue_costs(world.deps)
    assert alerts(world) == ["warning", "exceeded"]
    (told,) = [fact for fact in world.facts if fact.details.get("alert_type") == "exceeded"]
    assert told.consumer_id == "alice"
    assert set(told.details) == {
        "monthly_limit_usd",
        "spent_usd",
        "reserved_usd",
        "percentage",
        "alert_type",
        "month",
    }


def test_what_a_session_spends_at_its_end_is_told_by_the_next_run(world: World) -> None:
    """N-45: also when nothing is rented any more."""
    limit(world, 0.1, enforce=False)
    session_id = running(world)
    world.clock.tick(900)
    stop(world, session_id)
    torn_down(world, session_id)
    accrue_costs(world.deps)
    assert alerts(world) == ["warning", "exceeded"]


def test_jumping_past_both_sends_both(world: World) -> None:
    """N-45: from nothing to beyond 100 %."""
    running(world)
    world.clock.tick(3_600)
    accrue_costs(world.deps)
    limit(world, 0.1, enforce=False)
    assert alerts(world) == ["warning", "exceeded"]


def test_a_raised_limit_clears_the_alerts_that_it_has_not_reached(world: World) -> None:
    """1.6: and a limit that is lowered, or set again, clears nothing."""
    running(world)
    world.clock.tick(3_600)
    accrue_costs(world.deps)
    limit(world, 0.1, enforce=False)
    limit(world, 0.45, enforce=False)
    now = account(world)
    assert (now.warning_sent_at is None, now.exceeded_sent_at is None) == (False, True)
    limit(world, 1, enforce=False)
    assert account(world).warning_sent_at is None
    limit(world, 0.1, enforce=False)
    assert alerts(world) == ["warning", "exceeded"] * 2


def test_a_budget_that_is_deleted_and_set_again_tells_nothing_twice_in_a_month(
    world: World,
) -> None:
    """1.6, N-45: once per consumer and month; a limit that is not reached begins anew."""
    running(world)
    world.clock.tick(3_600)
    accrue_costs(world.deps)
    limit(world, 0.1, enforce=False)
    assert alerts(world) == ["warning", "exceeded"]
    delete_budget(world.deps, no_hooks, OPERATOR, "alice")
    accrue_costs(world.deps)
    limit(world, 0.1, enforce=False)
    assert alerts(world) == ["warning", "exceeded"]
    assert account(world).exceeded_sent_at is not None
    delete_budget(world.deps, no_hooks, OPERATOR, "alice")
    limit(world, 5, enforce=False)
    now = account(world)
    assert (now.warning_sent_at, now.exceeded_sent_at) == (None, None)


def test_an_alert_of_a_limit_that_was_raised_meanwhile_is_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-45: the job has read the limit before an operator raised it."""
    running(world)
    limit(world, 5, enforce=False)
    world.clock.tick(3_600)
    accrue_costs(world.deps)
    monkeypatch.setattr(setting_budgets, "tell_alerts", lambda *_: None)
    limit(world, 0.45, enforce=False)
    before, read = account(world), store.read

    def overtaken(*asked: Any) -> Budget:
        monkeypatch.setattr(store, "read", read)
        limit(world, 5, enforce=False)
        return before

    assert before.has_reached(AlertType.WARNING)
    monkeypatch.setattr(store, "read", overtaken)
    budgets.tell_alerts(world.deps, "alice")
    assert alerts(world) == []
    assert account(world).warning_sent_at is None


def test_a_new_month_begins_with_nothing_spent(world: World) -> None:
    """N-43: a change of month resets spend and alerts; what is reserved stays."""
    world.clock.at = datetime.fromisoformat("2026-02-28T23:30:00Z")
    world.publish()
    limit(world, 0.1, enforce=False)
    running(world)
    world.clock.at = datetime.fromisoformat("2026-02-28T23:59:59Z")
    accrue_costs(world.deps)
    assert alerts(world) == ["warning", "exceeded"]
    world.clock.tick(1_801)
    assert account(world).spent_microusd == 0
    accrue_costs(world.deps)
    march = account(world)
    assert march.month == "2026-03"
    assert march.spent_microusd == pytest.approx(200_000, abs=1_000)
    assert march.reserved_microusd == pytest.approx(400_000, abs=1_000)
    assert alerts(world) == ["warning", "exceeded"] * 2
