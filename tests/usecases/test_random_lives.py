"""After any life that sessions may have, each metric says what tables and audit say."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from gpu_shopper.core.audit import OPERATIONS
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.session import Session
from gpu_shopper.store import costs
from gpu_shopper.usecases.costs import costs_in
from tests.usecases.lives import Lives, everything, in_the_table, told
from tests.world import World

EVENTS = {
    "SessionsCreated": "session_created",
    "SessionsEnded": "session_destroyed",
    "InstancesAdopted": "instance_adopted",
    "InstancesDestroyed": "instance_destroyed",
    "OrphansDetected": "orphan_detected",
    "OrphansDestroyed": "orphan_destroyed",
    "GhostsDetected": "ghost_detected",
    "RetrySuccesses": "retry_succeeded",
    "RetriesExhausted": "retry_exhausted",
    "HardMaxEnforced": "hard_max_enforced",
    "IdleShutdowns": "idle_shutdown",
    "HeartbeatTimeouts": "heartbeat_timeout",
    "HostKeyChanges": "host_key_changed",
    "BudgetAlerts": "budget_alert",
}
"""Metrics that count exactly one kind of stored event."""


def total(world: World, metric: str) -> float:
    return sum(fact.metrics.get(metric, 0) for fact in world.facts)


def by_reason(world: World, metric: str) -> Counter[str | None]:
    return Counter(fact.reason for fact in world.facts if metric in fact.metrics)


def stored(world: World) -> Counter[str]:
    """The events of the audit's table, by kind."""
    answer = world.deps.audit.scan()
    assert "LastEvaluatedKey" not in answer
    return Counter(str(row["operation"]) for row in answer["Items"])


@pytest.mark.parametrize("seed", range(2))
def test_after_random_lives_every_metric_equals_the_tables_and_the_audit(
    market: World, seed: int
) -> None:
    """M-46, M-57, M-64, M-90, M-92, M-94, M-97, M-109: also while things are going on."""
    lives = Lives(market, seed)
    for step in range(100):
        lives.happen()
        if step % 15 == 0:
            counted = told(market, "SessionsActive")
            assert {key: n for key, n in counted.items() if n} == in_the_table(market)
            _compare_days(market)
        if step % 50 == 49:
            _compare_events(market)
    lives.calm_down()
    counted = told(market, "SessionsActive")
    assert {key: n for key, n in counted.items() if n} == in_the_table(market)
    _compare_events(market)
    _compare_sessions(market, everything(market))
    _compare_calls(market)
    _compare_costs(market)
    _compare_days(market)


def _compare_events(world: World) -> None:
    """Counters move with the write that holds their event."""
    events = stored(world)
    assert {name: total(world, name) for name in EVENTS} == {
        name: events[operation] for name, operation in EVENTS.items()
    }
    found = total(world, "OrphansDetected") + total(world, "GhostsDetected")
    assert total(world, "ReconciliationMismatches") == found
    launched = events["instance_launched"] + events["instance_adopted"]
    assert total(world, "InstancesLaunched") == launched
    noted = Counter(name for name in world.operations() if name in OPERATIONS)
    assert noted == events, "what is stored is logged, and no more"


def _compare_sessions(world: World, every: list[Session]) -> None:
    assert len(every) > 3, "something happened"
    assert total(world, "SessionsCreated") == total(world, "SessionsEnded") == len(every)
    reasons = Counter(one.end_reason.value for one in every if one.end_reason)
    assert by_reason(world, "SessionsEnded") == reasons
    attempts = [one for session in every for one in session.attempts]
    launched = sum(1 for one in attempts if one.instance_id is not None)
    assert total(world, "InstancesLaunched") == launched
    again = sum(1 for one in attempts if one.number > 1 and one.called_at is not None)
    assert total(world, "RetryAttempts") == again
    locked_out = Counter(one.reason.value for one in attempts if one.reason)
    failures = by_reason(world, "SshVerifyFailures")
    assert failures == {name: locked_out[name or ""] for name in failures}
    ready = [one for one in every if one.ready_at]
    took = sorted((one.ready_at - one.created_at).total_seconds() for one in ready if one.ready_at)
    samples = [fact.metrics.get("ProvisioningDuration") for fact in world.facts]
    assert sorted(value for value in samples if value is not None) == took
    assert sum("SshVerifyDuration" in fact.metrics for fact in world.facts) == len(ready)


def _compare_calls(world: World) -> None:
    """The provider's own list of the calls that reached it; the key is part of the launch here."""
    results = Counter(
        (fact.dimensions["Operation"], fact.dimensions["Result"])
        for fact in world.facts
        if "ProviderCalls" in fact.metrics
    )
    reached = Counter(name for name, _ in world.vast.calls)
    answered: Counter[str] = Counter()
    for (operation, result), number in results.items():
        answered[operation] += 0 if result == "circuit_open" else number
    assert +answered == reached
    failed = sum(number for (_, result), number in results.items() if result == "error")
    assert total(world, "ProviderErrors") == failed
    opened, closed = stored(world)["provider_unavailable"], stored(world)["provider_recovered"]
    assert opened - closed in (0, 1)


def _compare_costs(world: World) -> None:
    """Micro-dollars; machines that no session paid for have no row."""
    booked = _booked(world)
    assert booked > 0
    assert round(total(world, "CostAccrued") * 1_000_000) == booked


def _compare_days(world: World) -> None:
    """Also of sessions that go on."""
    today = world.clock.at.date()
    days = Days(today - timedelta(days=3), today)
    assert costs_in(world.deps, None, days).microusd == _booked(world)


def _booked(world: World) -> int:
    return sum(
        row.microusd
        for one in everything(world)
        for row in costs.account(world.deps.costs, one.id).rows.values()
    )
