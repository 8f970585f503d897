"""What a session costs: per attempt, to the second, from accepted launch to proven end.

Everything is computed from instants that the session holds, so that whoever computes it again, or
late, or twice, gets the same rows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from gpu_shopper.core.instances import Instance
from gpu_shopper.core.money import divided
from gpu_shopper.core.session import Attempt, EarlierPrice, Session

HOUR_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one kind of GPU at one provider has cost: whole seconds and micro-dollars."""

    provider: str
    gpu_type: str
    seconds: int
    microusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourRow:
    """What a session has cost in the UTC hour that begins at `hour`."""

    hour: datetime
    shares: tuple[Share, ...]

    @property
    def seconds(self) -> int:
        """Billed seconds of all attempts in this hour."""
        return sum(share.seconds for share in self.shares)

    @property
    def microusd(self) -> int:
        """Micro-dollars of all attempts in this hour."""
        return sum(share.microusd for share in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """The last billed hour of a session that goes on costing, and the day of it up to then."""

    hour: HourRow
    day_shares: tuple[Share, ...]

    @property
    def day(self) -> date:
        """The UTC day."""
        return self.hour.hour.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A machine with a session's label that is none of its attempts': an orphan, and its bill.

    `until` is None while its end is not proven.
    """

    attempt: int
    provider: str
    instance_id: str
    gpu_type: str
    microusd_per_hour: int
    since: datetime
    until: datetime | None = None


def stray_of(session: Session, number: int, instance: Instance, now: datetime) -> Stray:
    """The bill of an orphan with the label of attempt `number`, seen at `now`.

    It began with the launch call of that attempt; one that was proven gone and came back has cost
    all the time since.
    """
    known = [one for one in session.attempts if one.number == number]
    attempt = known[0] if known else session.attempt
    is_back = attempt.instance_id == instance.id
    began_at = attempt.ended_at if is_back else attempt.called_at
    return Stray(
        attempt=number,
        provider=instance.provider,
        instance_id=instance.id,
        gpu_type=instance.gpu_type or attempt.gpu_type,
        microusd_per_hour=instance.price_microusd_per_hour or attempt.price_microusd_per_hour,
        since=(began_at if known else None) or now,
    )


def with_price(attempt: Attempt, microusd_per_hour: int | None, now: datetime) -> Attempt:
    """`attempt` at the price that its provider reports at `now`; None says nothing.

    The first reported price holds from the attempt's start, a change of it from `now` on.
    """
    if not microusd_per_hour:
        return attempt
    if attempt.price_source == "provider" and attempt.price_microusd_per_hour != microusd_per_hour:
        before = EarlierPrice(microusd_per_hour=attempt.price_microusd_per_hour, until=now)
        attempt = replace(attempt, earlier_prices=(*attempt.earlier_prices, before))
    return replace(attempt, price_microusd_per_hour=microusd_per_hour, price_source="provider")


def billed_seconds(attempt: Attempt, through: datetime) -> int:
    """Seconds this attempt is billed for up to `through`; 0 when nothing was rented."""
    start_s, end_s = _billed(attempt, through)
    return end_s - start_s


def attempt_cost(attempt: Attempt, through: datetime) -> int:
    """Micro-dollars this attempt has cost up to `through`, or in all when it ended."""
    return _cost_until(attempt, *_billed(attempt, through))


def session_cost(session: Session, through: datetime) -> int:
    """Micro-dollars of all attempts up to `through`; the sum of `hour_rows`."""
    return sum(attempt_cost(attempt, through) for attempt in session.attempts)


def session_seconds(session: Session, through: datetime) -> int:
    """Billed seconds of all attempts up to `through`; the sum of `hour_rows`."""
    return sum(billed_seconds(attempt, through) for attempt in session.attempts)


def hour_rows(
    session: Session, through: datetime, strays: Iterable[Stray] = ()
) -> tuple[HourRow, ...]:
    """What the session and its strays have cost up to `through`, by UTC hour, earliest first.

    An hour's amount is the attempt's cost at its end less that at its beginning: rows never drift
    from the total. Hours without a billed second have no row.
    """
    by_hour: defaultdict[int, list[Share]] = defaultdict(list)
    for attempt in attempts_billed(session, strays):
        for hour_s, share in _hours(attempt, through):
            by_hour[hour_s].append(share)
    return tuple(
        HourRow(hour=datetime.fromtimestamp(hour_s, UTC), shares=added_up(by_hour[hour_s]))
        for hour_s in sorted(by_hour)
    )


def attempts_billed(session: Session, strays: Iterable[Stray]) -> Iterator[Attempt]:
    """The session's attempts, and its strays as attempts that are billed as they are."""
    yield from session.attempts
    yield from _as_attempts(session, strays)


def day_shares(rows: Iterable[HourRow]) -> dict[date, tuple[Share, ...]]:
    """The rows by UTC day, each day added up."""
    by_day: defaultdict[date, list[Share]] = defaultdict(list)
    for row in rows:
        by_day[row.hour.date()] += row.shares
    return {day: added_up(shares) for day, shares in by_day.items()}


def growing(rows: Iterable[HourRow]) -> Growing | None:
    """What grows while the session of these rows goes on; None while nothing was billed."""
    by_hour = {row.hour: row for row in rows}
    if not by_hour:
        return None
    last = by_hour[max(by_hour)]
    shares = day_shares(by_hour.values())[last.hour.date()]
    return Growing(hour=last, day_shares=shares)


def added_up(shares: Iterable[Share]) -> tuple[Share, ...]:
    """One share for each provider and GPU type, in their order."""
    total: dict[tuple[str, str], tuple[int, int]] = {}
    for share in shares:
        kind = (share.provider, share.gpu_type)
        seconds, microusd = total.get(kind, (0, 0))
        total[kind] = (seconds + share.seconds, microusd + share.microusd)
    return tuple(
        Share(provider=provider, gpu_type=gpu_type, seconds=seconds, microusd=microusd)
        for (provider, gpu_type), (seconds, microusd) in sorted(total.items())
    )


def _as_attempts(session: Session, strays: Iterable[Stray]) -> Iterator[Attempt]:
    """Attempts that are billed as the strays are.

    One that is an attempt's own machine after all costs as that attempt until its end.
    """
    own = {one.instance_id: one for one in session.attempts}
    for stray in strays:
        attempt = own.get(stray.instance_id)
        if attempt is not None and attempt.ended_at is None:
            continue
        yield replace(
            session.attempt,
            provider=stray.provider,
            gpu_type=stray.gpu_type,
            instance_id=stray.instance_id,
            price_microusd_per_hour=stray.microusd_per_hour,
            earlier_prices=(),
            launched_at=max(stray.since, (attempt and attempt.ended_at) or stray.since),
            ended_at=stray.until,
        )


def _billed(attempt: Attempt, through: datetime) -> tuple[int, int]:
    """First and one past the last billed second: the start is cut, the end rounded up."""
    if attempt.launched_at is None:
        return 0, 0
    start_s = math.floor(attempt.launched_at.timestamp())
    end_s = math.ceil((attempt.ended_at or through).timestamp())
    return start_s, max(start_s, end_s)


def _hours(attempt: Attempt, through: datetime) -> Iterator[tuple[int, Share]]:
    start_s, end_s = _billed(attempt, through)
    if start_s == end_s:
        return
    for hour_s in range(start_s // HOUR_S * HOUR_S, end_s, HOUR_S):
        from_s, to_s = max(start_s, hour_s), min(end_s, hour_s + HOUR_S)
        cost = _cost_until(attempt, start_s, to_s) - _cost_until(attempt, start_s, from_s)
        share = Share(
            provider=attempt.provider,
            gpu_type=attempt.gpu_type,
            seconds=to_s - from_s,
            microusd=cost,
        )
        yield hour_s, share


def _cost_until(attempt: Attempt, start_s: int, end_s: int) -> int:
    """Micro-dollars from `start_s` to `end_s`, rounded once, half to even."""
    owed, from_s = 0, start_s
    for earlier in attempt.earlier_prices:
        to_s = min(end_s, max(from_s, math.floor(earlier.until.timestamp())))
        owed += earlier.microusd_per_hour * (to_s - from_s)
        from_s = to_s
    owed += attempt.price_microusd_per_hour * (end_s - from_s)
    return divided(owed, HOUR_S)
