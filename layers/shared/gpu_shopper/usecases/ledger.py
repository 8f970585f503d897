"""The ledger: every five minutes, and at each end, what sessions have cost is booked.

The rows follow from the instants that a session holds, so that repeats, overlaps and runs that
were missed make no difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gpu_shopper.core.budgets import month_name, reservation
from gpu_shopper.core.costs import HourRow, growing, hour_rows
from gpu_shopper.core.money import to_usd
from gpu_shopper.core.session import Session
from gpu_shopper.errors import Conflict
from gpu_shopper.store import budgets, costs, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.store.costs import Account, Booked
from gpu_shopper.store.transactions import Action
from gpu_shopper.usecases.budgets import tell_alerts
from gpu_shopper.usecases.deps import Deps, Fact

SWEEP = "costs"
TRIES = 3
"""Bookings of a session before a lost race is left to the winner: it has seen as much."""

MOST_HOURS = 40
"""Rows of hours in one write: with their days they fit DynamoDB's 100 items."""


@dataclass(frozen=True, slots=True)
class Accrued:
    """What one run did; sessions that failed are booked by the next one."""

    sessions: int
    failed: tuple[str, ...]


def accrue_costs(deps: Deps) -> Accrued:
    """Book every session that is live, or has ended unbooked; one failure stops no other.

    Then whoever has spent as much of a budget as is told of, is told of.
    """
    # Before the sessions are read: what they say then holds up to this instant at least.
    through = deps.now()
    wanted = [*store.live(deps.sessions), *store.unsettled(deps.sessions)]
    sessions = store.get_many(deps.sessions, wanted)
    failed = tuple(one.id for one in sessions.values() if not accrue(deps, one, through))
    for consumer_id in budgets.consumers(deps.costs):
        tell_alerts(deps, consumer_id)
    operations.mark_sweep(deps.operations, SWEEP, through, deps.release)
    deps.note(Fact("sweep_completed", metrics={"SweepCompleted": 1}, dimensions={"Sweep": SWEEP}))
    return Accrued(len(sessions) - len(failed), failed)


def accrue(deps: Deps, session: Session, through: datetime) -> bool:
    """Book the session up to `through`; False when that failed, which is told.

    A failure is not the caller's: the next run of the job books the same.
    """
    try:
        _accrue(deps, session, through)
    except Exception as exc:  # noqa: BLE001  (no end waits for the ledger)
        deps.note(Fact("cost_not_booked", session_id=session.id, reason=type(exc).__name__))
        return False
    return True


def _accrue(deps: Deps, session: Session, through: datetime) -> None:
    for _ in range(TRIES):
        before = costs.account(deps.costs, session.id)
        try:
            while _book(deps, before, session, through):
                before = costs.account(deps.costs, session.id)
        except Conflict:
            continue
        if not session.is_live and not before.is_open:
            store.settle(deps.sessions, session)
        return


def _book(deps: Deps, before: Account, session: Session, through: datetime) -> bool:
    """One write of the ledger; True when rows are left for another. Raises Conflict."""
    if _is_newer(before, session, through):
        return False
    wanted = {row.hour: row for row in hour_rows(session, through, before.strays)}
    some = _some_changed(before.rows, wanted)
    rows = _with(before.rows, wanted, some)
    whole = rows == wanted
    goes_on = session.is_live or before.is_open
    booked = replace(
        _booked(before.booked, rows, session, through, whole=whole),
        has_strays=before.is_open,
        reserved_microusd=reservation(session, through, deps.settings),
        growing=growing(rows.values()) if goes_on else None,
    )
    after = Account(booked=booked, hours=rows)
    costs.book(deps.costs, before, after, _moves(deps, before, after, through))
    for provider, grown in _growth(before.rows.values(), rows.values()).items():
        deps.note(_told(session, provider, grown))
    return not whole


def _moves(deps: Deps, before: Account, after: Account, through: datetime) -> list[Action]:
    """What the booking moves in the consumer's account: from reserved to spent, or back."""
    told = after.booked
    if told is None:
        return []
    budget = budgets.opened(deps.costs, told.consumer_id, month_name(through))
    spent = _in_month(after, budget.month) - _in_month(before, budget.month)
    reserved = told.reserved_microusd - (before.booked.reserved_microusd if before.booked else 0)
    if not spent and not reserved:
        return []
    return [budgets.moving(deps.costs, budget, spent + reserved, spent, checked=False)]


def _in_month(account: Account, month: str) -> int:
    rows = account.rows.values()
    return sum(row.microusd for row in rows if month_name(row.hour) == month)


def _is_newer(before: Account, session: Session, through: datetime) -> bool:
    """Whether the ledger tells a later version of the session, or this one for longer.

    Of one that has ended, the end of its last orphan is news, however late the run that brings it.
    """
    booked = before.booked
    if booked is None:
        return False
    if booked.has_strays and not before.is_open and not session.is_live:
        return booked.session_version > session.version
    return (booked.session_version, booked.through) >= (session.version, through)


def _some_changed(
    old: Mapping[datetime, HourRow], new: Mapping[datetime, HourRow]
) -> list[datetime]:
    return [hour for hour in sorted({*old, *new}) if old.get(hour) != new.get(hour)][:MOST_HOURS]


def _with(
    old: Mapping[datetime, HourRow], new: Mapping[datetime, HourRow], hours: list[datetime]
) -> dict[datetime, HourRow]:
    """The old rows with those of `hours` as they are in the new."""
    kept = {hour: row for hour, row in old.items() if hour not in hours}
    return kept | {hour: new[hour] for hour in hours if hour in new}


def _booked(
    before: Booked | None,
    rows: Mapping[datetime, HourRow],
    session: Session,
    through: datetime,
    *,
    whole: bool,
) -> Booked:
    """The next booking; one that left rows for another goes no further than the one before."""
    if before is None:
        before = costs.nothing_booked(session)
    if whole:
        before = replace(before, session_version=session.version, through=through)
    return replace(
        before,
        writes=before.writes + 1,
        microusd=sum(row.microusd for row in rows.values()),
        seconds=sum(row.seconds for row in rows.values()),
    )


def _growth(old: Iterable[HourRow], new: Iterable[HourRow]) -> dict[str, int]:
    """Micro-dollars by which each provider's part has changed."""
    grown: Counter[str] = Counter()
    for rows, sign in ((new, 1), (old, -1)):
        for share in (share for row in rows for share in row.shares):
            grown[share.provider] += sign * share.microusd
    return {provider: microusd for provider, microusd in grown.items() if microusd}


def _told(session: Session, provider: str, microusd: int) -> Fact:
    return Fact(
        operation="cost_accrued",
        provider=provider,
        session_id=session.id,
        consumer_id=session.consumer_id,
        metrics={"CostAccrued": to_usd(microusd)},
    )
