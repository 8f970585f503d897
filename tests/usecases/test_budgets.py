"""Budgets: reserved with the session, moved by bookings, told once, and enforced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from gpu_shopper.core.budgets import Budget
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import BudgetExceeded, BudgetNotFound, Conflict
from gpu_shopper.store import budgets as store
from gpu_shopper.store import costs
from gpu_shopper.usecases import budgets, extending
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.setting_budgets import Wanted, delete_budget, set_budget
from tests.builders import an_offer
from tests.usecases.story import running, stop, torn_down
from tests.world import ALICE, OPERATOR, World

HALF_DOLLAR = 500_000


def offers(world: World, count: int) -> None:
    """So many offers at $0.50 an hour."""
    world.clock.tick(1)
    world.publish(
        [
            an_offer(
                id=f"vastai-{number}",
                provider_id=str(number),
                machine_id=str(number),
                price_microusd_per_hour=HALF_DOLLAR,
            )
            for number in range(1, count + 1)
        ]
    )


def no_hooks() -> Hooks:
    raise AssertionError("a budget without a receiver needs no webhooks")


def limit(world: World, usd: float, *, enforce: bool = True, consumer: str = "alice") -> None:
    wanted = Wanted(limit_microusd=round(usd * 1_000_000), enforce=enforce)
    set_budget(world.deps, no_hooks, OPERATOR, consumer, wanted)


def account(world: World, consumer: str = "alice") -> Budget:
    return store.read(world.deps.costs, consumer, f"{world.clock.at:%Y-%m}")


def rent(world: World, number: int, hours: int = 2) -> str:
    """`created`, or the code of the refusal."""
    try:
        world.create(offer_id=f"vastai-{number}", reservation_hours=hours)
    except (BudgetExceeded, Conflict) as exc:
        return exc.code
    return "created"


def test_twenty_requests_at_once_cannot_overspend(world: World) -> None:
    """N-44: $5.00, twenty requests of $1.00 each: five pass."""
    offers(world, 20)
    limit(world, 5)
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda number: rent(world, number), range(1, 21)))
    assert sorted(told) == ["budget_exceeded"] * 15 + ["created"] * 5
    assert account(world).reserved_microusd == 5_000_000
    assert len(world.machines.started) == 5
    refused = [fact for fact in world.facts if "BudgetRefusals" in fact.metrics]
    assert len(refused) == 15


def test_without_enforcement_all_are_created_and_counted(world: World) -> None:
    """N-44."""
    offers(world, 3)
    limit(world, 1, enforce=False)
    assert [rent(world, number) for number in (1, 2, 3)] == ["created"] * 3
    assert account(world).reserved_microusd == 3_000_000


def test_a_refusal_says_what_is_spent_reserved_and_asked_for(world: World) -> None:
    """1.1: 403 budget_exceeded; nothing is left behind."""
    offers(world, 2)
    limit(world, 1.5)
    assert rent(world, 1) == "created"
    with pytest.raises(BudgetExceeded) as refused:
        world.create(offer_id="vastai-2")
    assert refused.value.extra == {
        "monthly_limit_usd": 1.5,
        "spent_usd": 0.0,
        "reserved_usd": 1.0,
        "requested_usd": 1.0,
    }
    assert rent(world, 2, hours=1) == "created"
    assert account(world).committed_microusd == 1_500_000


def test_a_limit_that_is_set_later_knows_what_was_reserved_before(world: World) -> None:
    """N-43: no budget = no limit, but the account is kept."""
    offers(world, 2)
    assert rent(world, 1) == "created"
    limit(world, 1)
    assert rent(world, 2, hours=1) == "budget_exceeded"


def test_what_is_spent_was_reserved_and_an_end_frees_the_rest(world: World) -> None:
    """N-44: accrual moves amounts in one write."""
    limit(world, 10)
    session_id = running(world)
    assert account(world).reserved_microusd == 800_000
    world.clock.tick(1_800)
    accrue_costs(world.deps)
    half_way = account(world)
    assert half_way.spent_microusd == pytest.approx(200_000, abs=1_000)
    assert half_way.committed_microusd == pytest.approx(800_000, abs=1_000)
    stop(world, session_id)
    torn_down(world, session_id)
    after = account(world)
    assert after.reserved_microusd == 0
    assert after.spent_microusd == costs.booked(world.deps.costs, [session_id])[session_id].microusd


def test_a_launch_that_rented_nothing_frees_its_reservation(world: World) -> None:
    limit(world, 10)
    session = world.create().session
    world.clock.tick(world.deps.settings.pending_deadline_s)
    expire_sessions(world.deps)
    assert world.session(session.id).state is State.FAILED
    assert account(world).committed_microusd == 0


def test_an_extension_needs_room_too_and_reserves_it(world: World) -> None:
    """N-44: extend obeys the same rule."""
    limit(world, 1.2)
    session_id = running(world)
    assert extending.extend(world.deps, ALICE, session_id, 1).reservation_hours == 3
    assert account(world).committed_microusd == pytest.approx(1_200_000, abs=1_000)
    with pytest.raises(BudgetExceeded):
        extending.extend(world.deps, ALICE, session_id, 1)
    assert world.session(session_id).reservation_hours == 3
    assert account(world).committed_microusd == pytest.approx(1_200_000, abs=1_000)


def alerts(world: World) -> list[object]:
    told = [fact for fact in world.facts if fact.operation == "budget_alert"]
    assert [fact.metrics for fact in told] == [{"BudgetAlerts": 1}] * len(told)
    return [fact.details["alert_type"] for fact in told]


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


def test_a_spent_budget_ends_that_consumers_running_sessions_and_no_others(world: World) -> None:
    """N-47: at the next sweep, with reason budget_exceeded."""
    world.vast.offers.append(an_offer(id="vastai-1002", provider_id="1002", machine_id="78"))
    world.clock.tick(1)
    world.publish()
    ended = running(world)
    waiting = world.create(offer_id="vastai-1002").session.id
    limit(world, 0.1)
    limit(world, 0.01, consumer="bob")
    world.clock.tick(60)
    expire_sessions(world.deps)
    assert world.session(ended).state is State.RUNNING
    world.clock.tick(3_000)
    accrue_costs(world.deps)
    expire_sessions(world.deps)
    over = world.session(ended)
    assert (over.state, over.end_reason) == (State.STOPPING, EndReason.BUDGET_EXCEEDED)
    assert world.session(waiting).end_reason is not EndReason.BUDGET_EXCEEDED
    assert world.operations().count("budget_shutdown") == 1
    expire_sessions(world.deps)
    assert world.operations().count("budget_shutdown") == 1


def test_without_enforcement_a_spent_budget_ends_nothing(world: World) -> None:
    """N-47."""
    session_id = running(world)
    limit(world, 0.1, enforce=False)
    world.clock.tick(3_000)
    accrue_costs(world.deps)
    expire_sessions(world.deps)
    assert world.session(session_id).state is State.RUNNING


def test_budgets_are_listed_in_pages_and_deleted_for_good(world: World) -> None:
    """N-43: unknown ones are not found; the account of a deleted one goes on."""
    for consumer in ("carol", "alice", "bob"):
        limit(world, 5, consumer=consumer)
    first, after = budgets.list_budgets(world.deps, None, 2)
    assert ([one.consumer_id for one in first], after) == (["alice", "bob"], "bob")
    second, after = budgets.list_budgets(world.deps, after, 2)
    assert ([one.consumer_id for one in second], after) == (["carol"], None)
    world.create()
    delete_budget(world.deps, no_hooks, OPERATOR, "alice")
    for act in (
        lambda: budgets.get_budget(world.deps, "alice"),
        lambda: delete_budget(world.deps, no_hooks, OPERATOR, "alice"),
        lambda: budgets.get_budget(world.deps, "nobody"),
    ):
        with pytest.raises(BudgetNotFound):
            act()
    assert account(world).reserved_microusd == 800_000
    assert world.operations().count("budget_deleted") == 1


def test_a_budget_that_changes_while_it_is_read_is_read_again(world: World) -> None:
    """The limit that holds is the one of the write."""
    before = store.opened(world.deps.costs, "alice", "2026-02")
    limit(world, 5)
    with pytest.raises(Conflict):
        store.put(world.deps.costs, before, 1, enforce=True, at=world.clock.at)


def test_a_session_of_an_earlier_version_is_taken_over_by_its_first_booking(world: World) -> None:
    session = world.create_without_offer(9)
    assert account(world).committed_microusd == 0
    accrue_costs(world.deps)
    assert account(world).reserved_microusd == 800_000
    world.clock.tick(300)
    accrue_costs(world.deps)
    assert account(world).reserved_microusd == 800_000
    assert session.consumer_id == ALICE.consumer_id
