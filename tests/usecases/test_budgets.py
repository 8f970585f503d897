"""Budgets: reserved with the session, moved by bookings, and enforced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import BudgetExceeded, BudgetNotFound, Conflict
from gpu_shopper.store import budgets as store
from gpu_shopper.store import costs
from gpu_shopper.store.transactions import Cancelled, write_all
from gpu_shopper.usecases import budgets, extending
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.setting_budgets import delete_budget
from tests.builders import an_offer
from tests.usecases.budgeting import account, limit, no_hooks
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


def test_what_was_derived_in_one_month_is_not_written_into_the_next(world: World) -> None:
    """N-43: February's spending, booked late, would count against March."""
    before = store.opened(world.deps.costs, "alice", "2026-02")
    late = store.moving(world.deps.costs, before, 500_000, 500_000, checked=False)
    write_all(world.deps.costs, [late])
    march = store.opened(world.deps.costs, "alice", "2026-03")
    with pytest.raises(Cancelled):
        write_all(world.deps.costs, [late])
    assert store.read(world.deps.costs, "alice", "2026-03") == march
    assert (march.spent_microusd, march.committed_microusd) == (0, 0)


def test_a_session_of_an_earlier_version_is_taken_over_by_its_first_booking(world: World) -> None:
    session = world.create_without_offer(9)
    assert account(world).committed_microusd == 0
    accrue_costs(world.deps)
    assert account(world).reserved_microusd == 800_000
    world.clock.tick(300)
    accrue_costs(world.deps)
    assert account(world).reserved_microusd == 800_000
    assert session.consumer_id == ALICE.consumer_id
