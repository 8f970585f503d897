"""Our ledger beside the providers' charges, by session and UTC day.

Where a provider tells no charges, its own hourly price times the time of the machine stands for
them. What neither tells is unknown, and unknown is not zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from gpu_shopper.core.charges import MICROSECOND, Charge, part_on
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.costs import HOUR_S, Stray, attempts_billed
from gpu_shopper.core.labels import owned
from gpu_shopper.core.money import divided
from gpu_shopper.core.session import Attempt, Session

HALF_CENT_MICROUSD = 5_000
"""What rounding to the cent can change in one entry of a bill."""

ROUNDED_S = 2
"""Seconds that we bill more of a machine at most: the start is cut, the end rounded up."""

_LAST = datetime.max.replace(tzinfo=UTC)


class Basis(StrEnum):
    """Where a charge comes from."""

    CHARGES = "charges"
    PRICE = "price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What we know of one provider's UTC day, by session: what is booked, and its machines.

    `machines` are the attempts and orphans that were billed on this day.
    """

    day: date
    provider: str
    booked: Mapping[str, int]
    machines: Mapping[str, tuple[Attempt, ...]]
    consumers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One session at one provider on one UTC day: micro-dollars booked and charged.

    `charged_microusd` None is unknown. `rounding_microusd` is the difference that rounding alone
    explains. `proof_microusd` is what we book besides, because we bill until a machine's end is
    proven, and its provider until the end. `compared_at` is when the provider was asked for the
    charge; `version` counts the writes of the row that this one was made from.
    """

    day: date
    provider: str
    session_id: str
    consumer_id: str | None = None
    booked_microusd: int
    charged_microusd: int | None = None
    rounding_microusd: int
    proof_microusd: int
    basis: Basis
    compared_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """All of one provider's sessions of a day, or of several.

    All amounts are of those whose charge is known; what is booked of the `unknown` others is
    apart. `unbooked` are those that are charged, beyond rounding, while nothing is booked of them.
    """

    sessions: int = 0
    booked_microusd: int = 0
    charged_microusd: int = 0
    rounding_microusd: int = 0
    proof_microusd: int = 0
    unknown: int = 0
    unknown_booked_microusd: int = 0
    unbooked: int = 0

    @property
    def drift_bp(self) -> int | None:
        """Difference beyond rounding and proof, in hundredths of a percent of what is booked.

        None when no charge is known.
        """
        if self.sessions == self.unknown:
            return None
        more = self.charged_microusd - self.booked_microusd
        beyond = max(more, -more - self.proof_microusd) - self.rounding_microusd
        if beyond <= 0:
            return 0
        return divided(beyond * 10_000, self.booked_microusd) if self.booked_microusd else 10_000

    def __add__(self, other: Total) -> Total:
        """Both together."""
        return Total(
            sessions=self.sessions + other.sessions,
            booked_microusd=self.booked_microusd + other.booked_microusd,
            charged_microusd=self.charged_microusd + other.charged_microusd,
            rounding_microusd=self.rounding_microusd + other.rounding_microusd,
            proof_microusd=self.proof_microusd + other.proof_microusd,
            unknown=self.unknown + other.unknown,
            unknown_booked_microusd=self.unknown_booked_microusd + other.unknown_booked_microusd,
            unbooked=self.unbooked + other.unbooked,
        )


def machines_of(
    session: Session, strays: Iterable[Stray], provider: str, day: date
) -> tuple[Attempt, ...]:
    """The machines of `session` at `provider` that were billed on `day`, orphans included."""
    span = Days(day, day)
    return tuple(
        one
        for one in attempts_billed(session, strays)
        if one.provider == provider
        and one.launched_at is not None
        and one.launched_at < span.end
        and (one.ended_at or _LAST) > span.start
    )


def by_charges(
    sheet: Sheet,
    charges: Iterable[Charge] | None,
    deployment_id: str,
    now: datetime,
    proof_s: int = 0,
) -> list[Compared]:
    """The day beside the provider's entries; None: they could not be read, nothing is known.

    A session is known when each of its machines has an entry. Entries of others' machines are
    left out; one with our label belongs to that session, whether or not we have booked it.
    `proof_s` is how long the proof of a machine's end usually takes.
    """
    entries = _entries(sheet, charges or (), deployment_id)
    seen = {instance_id for some in entries.values() for instance_id, _ in some}
    rows = []
    for session_id in sorted({*sheet.booked, *entries}):
        own, machines = entries.get(session_id, []), sheet.machines.get(session_id, ())
        known = own and all(one.instance_id in seen for one in machines)
        charged = sum(part for _, part in own) if known else None
        row = _row(sheet, session_id, now, Basis.CHARGES, charged)
        hourly = sum(one.price_microusd_per_hour for one in machines if one.ended_at)
        rounding = row.rounding_microusd + len(own) * HALF_CENT_MICROUSD
        proof = divided(hourly * proof_s, HOUR_S)
        rows.append(replace(row, rounding_microusd=rounding, proof_microusd=proof))
    return rows


def _entries(
    sheet: Sheet, charges: Iterable[Charge], deployment_id: str
) -> dict[str, list[tuple[str, int]]]:
    """By session: each entry's machine, and its part of the day."""
    owners = {
        one.instance_id: session_id
        for session_id, machines in sheet.machines.items()
        for one in machines
    }
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for charge in charges:
        label, part = owned(charge.label, deployment_id), part_on(charge, sheet.day)
        session_id = owners.get(charge.instance_id) or (label.session_id if label else None)
        if session_id is not None and part is not None:
            found[session_id].append((charge.instance_id, part))
    return dict(found)


def by_price(sheet: Sheet, now: datetime) -> list[Compared]:
    """The day beside the provider's hourly prices times the exact time of each machine.

    A machine whose price its provider never told leaves its session unknown.
    """
    span = Days(sheet.day, sheet.day)
    until = min(now, span.end)

    def charged(machines: tuple[Attempt, ...]) -> int | None:
        if not machines or any(one.price_source != "provider" for one in machines):
            return None
        return sum(_owed(one, span.start, until) for one in machines)

    return [
        _row(sheet, one, now, Basis.PRICE, charged(sheet.machines.get(one, ())))
        for one in sorted(sheet.booked)
    ]


def _owed(attempt: Attempt, start: datetime, end: datetime) -> int:
    """Micro-dollars from `start` to `end`, to the microsecond, at the prices that were in force."""
    at = max(start, attempt.launched_at or start)
    end = min(end, attempt.ended_at or end)
    earlier = [(one.microusd_per_hour, one.until) for one in attempt.earlier_prices]
    owed = 0
    for microusd_per_hour, until in (*earlier, (attempt.price_microusd_per_hour, end)):
        to = min(max(at, until), max(at, end))
        owed += microusd_per_hour * ((to - at) // MICROSECOND)
        at = to
    return divided(owed, HOUR_S * 1_000_000)


def _row(
    sheet: Sheet,
    session_id: str,
    now: datetime,
    basis: Basis,
    charged: int | None,
) -> Compared:
    machines = sheet.machines.get(session_id, ())
    hourly = sum(one.price_microusd_per_hour for one in machines)
    return Compared(
        day=sheet.day,
        provider=sheet.provider,
        session_id=session_id,
        consumer_id=sheet.consumers.get(session_id),
        booked_microusd=sheet.booked.get(session_id, 0),
        charged_microusd=charged,
        rounding_microusd=-(-hourly * ROUNDED_S // HOUR_S),
        proof_microusd=0,
        basis=basis,
        compared_at=now,
    )


def news(before: Iterable[Compared], found: Iterable[Compared]) -> list[Compared]:
    """What has to be written of `found` over the rows that were read `before`.

    Of two readings the later one stands, and a charge that is known is never unknown again.
    """
    old = {row.session_id: row for row in before}
    over = [_over(old.get(row.session_id), row) for row in found]
    return [row for row in over if row != old.get(row.session_id)]


def _over(old: Compared | None, row: Compared) -> Compared:
    """What stands after `row` comes to `old`: `old` itself when it says as much."""
    if old is None:
        return row
    is_known, was_known = row.charged_microusd is not None, old.charged_microusd is not None
    if row.compared_at < old.compared_at and (was_known or not is_known):
        return old
    if was_known and not is_known:
        return replace(old, booked_microusd=row.booked_microusd)
    return replace(row, version=old.version)


def total(rows: Iterable[Compared]) -> Total:
    """The rows together; their order does not matter."""
    whole = Total()
    for row in rows:
        whole += _alone(row)
    return whole


def _alone(row: Compared) -> Total:
    if row.charged_microusd is None:
        return Total(sessions=1, unknown=1, unknown_booked_microusd=row.booked_microusd)
    return Total(
        sessions=1,
        booked_microusd=row.booked_microusd,
        charged_microusd=row.charged_microusd,
        rounding_microusd=row.rounding_microusd,
        proof_microusd=row.proof_microusd,
        unbooked=int(not row.booked_microusd and row.charged_microusd > row.rounding_microusd),
    )
