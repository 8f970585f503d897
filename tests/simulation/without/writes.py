"""Writes over whatever is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from boto3.dynamodb.conditions import Attr

from gpu_shopper.core import reservations
from gpu_shopper.core.budgets import Budget
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Actor, Event
from gpu_shopper.errors import Conflict
from gpu_shopper.store import budgets, costs
from gpu_shopper.store import sessions as store
from gpu_shopper.store.transactions import Action, Cancelled, Put, write_all
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.facts import transition
from gpu_shopper.usecases.writing import Decision, change

_SAVE = store.save


def save_over_anything(
    table: Any, before: Session, after: Session, due_at: Any, also: Iterable[Action] = ()
) -> None:
    """A write names the version that is there, and not the one it derives from."""
    there = store.get(table, after.id).version
    _SAVE(table, replace(before, version=there), after, due_at, also)


def create_over_anything(table: Any, session: Session, due_at: Any, *also: Action) -> None:
    """The guard is put over whosever it is."""
    actions: list[Action] = [
        Put(store._to_item(session, due_at)),
        Put(store._held_guard(session)),
        *(Put(row) for row in store._list_rows(session)),
        *also,
    ]
    try:
        write_all(table, actions)
    except Cancelled as exc:
        raise Conflict("lost a concurrent write") from exc


def extend_for_ever(deps: Any, caller: Any, session_id: str, hours: int) -> Any:
    def decide(session: Session) -> Decision:
        after = reservations.extended(session, hours, deps.now())
        return after, [transition(session, after, Event.EXTEND, Actor.API, "session_extended")]

    return change(deps, lambda: sessions.get(deps, caller, session_id), decide)[0]


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
