"""I5: what a session cost, by our rules and by the provider's own ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_shopper.core.costs import attempt_cost
from gpu_shopper.core.money import accrued
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.store.codec import from_item
from tests.simulation.instants import ms_of
from tests.simulation.machine import Machine
from tests.simulation.scheduler import SECOND, Violation

if TYPE_CHECKING:
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
