"""Writes over whatever is there."""

from __future__ import annotations

from typing import Any

from boto3.dynamodb.conditions import Attr

from gpu_shopper.core import reservations
from gpu_shopper.core.budgets import Budget
from gpu_shopper.store import budgets, costs
from gpu_shopper.store import sessions as store
from gpu_shopper.store.transactions import Delete, Put, write_all
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.writing import change


def save_over_anything(table: Any, before: Any, after: Any, due_at: Any) -> None:
    actions: list[Any] = [Put(store._to_item(after, due_at))]
    if before.state in store._HOLDING and after.state not in store._HOLDING:
        actions.append(Delete(store._guard_of(after)))
    write_all(table, actions)


def create_over_anything(table: Any, session: Any, due_at: Any, *also: Put) -> None:
    guard = store._guard_of(session) | {"session_id": session.id}
    write_all(table, [Put(store._to_item(session, due_at)), Put(guard), *also])


def extend_for_ever(deps: Any, caller: Any, session_id: str, hours: int) -> Any:
    return change(
        deps,
        lambda: sessions.get(deps, caller, session_id),
        lambda session: (reservations.extended(session, hours, deps.now()), []),
    )[0]


def limit_unchanged(budget: Budget, _microusd: int) -> Any:
    """The limit is as it was read, and whether it is enough was looked at then."""
    return budgets._unchanged(budget)


def enough_as_read(budget: Budget, microusd: int) -> Any:
    """The limit that was read is enough, whatever it is by now."""
    if budget.limit_microusd is None or not budget.enforce:
        return Attr("committed_microusd").not_exists() | Attr("committed_microusd").exists()
    return Attr("committed_microusd").lte(budget.limit_microusd - microusd)


def note_over_anything(table: Any, _before: Any, after: Any) -> Put:
    return Put(costs._booked_item(after), None, table)
