"""I5, N-70: what a session cost, by our ledger and by the provider's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpu_shopper.core.budgets import Budget
from gpu_shopper.core.costs import HourRow, Stray, attempt_cost, day_shares, hour_rows
from gpu_shopper.core.money import accrued
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.store.codec import from_item
from gpu_shopper.store.cost_days import EVERYBODY, DayRow
from tests.simulation.instants import ms_of
from tests.simulation.machine import Machine
from tests.simulation.scheduler import SECOND, Violation

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment
    from tests.simulation.seen import Seen

TOLERANCE_MS = 90 * SECOND
"""From the machine's beginning to the answer that tells us: a minute, and what holds us up."""


def check_bill(seen: Seen, machines: list[Machine]) -> None:
    """Each attempt costs its machine's time, plus the time from its end to the proof of it.

    A machine that is found later counts from the call that rented it.
    """
    session = from_item(Session, seen.item)
    by_id = {machine.id: machine for machine in machines}
    for attempt in session.attempts:
        if attempt.instance_id is not None:
            _check(session, attempt, by_id[attempt.instance_id])
        elif attempt_cost(attempt, session.updated_at) != 0:
            raise Violation(f"I5 {attempt.label} rented nothing and costs something")


def check_ledger(deployment: Deployment, seen: Seen) -> None:
    """N-70: the ledger's rows, and its days, are what the session's attempts have cost."""
    session = from_item(Session, seen.item)
    items = deployment.rows["CostsTable"].items
    booked = items.get(f"SESSION#{session.id}", {})
    strays = [from_item(Stray, booked[sk]) for sk in booked if sk.startswith("STRAY#")]
    wanted = hour_rows(session, session.updated_at, strays)
    rows = tuple(from_item(HourRow, booked[sk]) for sk in sorted(booked) if sk.startswith("HOUR#"))
    if rows != wanted:
        raise Violation(f"N-70 the rows of {session.id} are {rows}, not {wanted}")
    if "growing" in booked.get("BOOKED", {}) or _is_listed(items, session):
        raise Violation(f"N-70 {session.id} has ended and goes on costing")
    for whose in (session.consumer_id, EVERYBODY):
        days = {
            day.day: day.shares
            for pk, part in items.items()
            if pk.startswith(f"DAYS#{whose}#")
            for day in (from_item(DayRow, item) for item in part.values())
            if day.session_id == session.id
        }
        if days != day_shares(wanted):
            raise Violation(f"N-70 the days of {session.id} for {whose} are {days}")


def _is_listed(items: Mapping[str, Mapping[str, object]], session: Session) -> bool:
    return f"{session.consumer_id}#{session.id}" in items.get("GROWING", {})


def check_strays(deployment: Deployment, seen: Seen) -> None:
    """N-70: an orphan that the reconciler ended costs its session all that its provider bills."""
    session = from_item(Session, seen.item)
    booked = deployment.rows["CostsTable"].items.get(f"SESSION#{session.id}", {})
    strays = [from_item(Stray, booked[sk]) for sk in booked if sk.startswith("STRAY#")]
    billed = {stray.instance_id: stray for stray in strays}
    own = {attempt.instance_id for attempt in session.attempts}
    for machine in deployment.watch.machines.get(session.id, []):
        if machine.id not in deployment.watch.orphans or machine.id in own:
            continue
        stray = billed.get(machine.id)
        if stray is None:
            raise Violation(f"N-70 nobody pays for machine {machine.id} of {machine.label}")
        began_ms, ended_ms = ms_of(stray.since), ms_of(stray.until) if stray.until else None
        if began_ms > machine.paid[0][0] + TOLERANCE_MS or (ended_ms or 0) < machine.gone_ms:
            raise Violation(
                f"N-70 machine {machine.id} lived from {machine.paid[0][0] / 1000} to"
                f" {machine.gone_ms / 1000} s, and is billed as {stray}"
            )


def check_accounts(deployment: Deployment) -> None:
    """N-70: what is spent is what the rows of the month say, and nothing is reserved any more."""
    items = deployment.rows["CostsTable"].items
    for pk, part in items.items():
        if not pk.startswith("BUDGET#"):
            continue
        account = from_item(Budget, part["ACCOUNT"])
        days = items.get(f"DAYS#{account.consumer_id}#{account.month}", {}).values()
        spent = sum(share.microusd for day in days for share in from_item(DayRow, day).shares)
        if (account.spent_microusd, account.committed_microusd) != (spent, spent):
            raise Violation(f"N-70 {spent} was billed, and the account is {account}")


def _check(session: Session, attempt: Attempt, machine: Machine) -> None:
    ended_at, began_at = attempt.ended_at, attempt.launched_at
    assert ended_at is not None, f"{attempt.label} has no end"
    assert began_at is not None, f"{attempt.label} has no beginning"
    born_ms, gone_ms = machine.paid[0]
    began_ms, ended_ms = ms_of(began_at), ms_of(ended_at)
    told = began_ms != ms_of(attempt.called_at or began_at)
    if not (born_ms if told else 0) <= began_ms <= born_ms + TOLERANCE_MS:
        raise Violation(
            f"I5 {attempt.label} is billed from {began_ms / 1000} to {ended_ms / 1000} s;"
            f" its machine lived from {born_ms / 1000} to {gone_ms / 1000} s"
        )
    ours_ms = ended_ms - began_ms
    price = attempt.price_microusd_per_hour
    if attempt.price_source == "provider" and price != machine.price_microusd_per_hour:
        raise Violation(f"I5 {attempt.label} is billed at another price than the provider's")
    least, most = accrued(price, ours_ms // 1_000), accrued(price, ours_ms // 1_000 + 2)
    if not least <= attempt_cost(attempt, session.updated_at) <= most:
        raise Violation(f"I5 {attempt.label} costs {attempt_cost(attempt, session.updated_at)}")
