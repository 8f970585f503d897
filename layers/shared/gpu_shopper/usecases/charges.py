"""Once a day: what is booked beside what the provider charges, by session and UTC day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.comparing import (
    Compared,
    Sheet,
    Total,
    by_charges,
    by_price,
    machines_of,
    news,
    total,
)
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.labels import owned
from gpu_shopper.core.money import to_usd
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.providers.port import Provider, TellsCharges
from gpu_shopper.store import charges as store
from gpu_shopper.store import costs
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store.charges import DayTotal
from gpu_shopper.store.cost_days import EVERYBODY
from gpu_shopper.usecases.deps import Deps, Fact

TRIES = 3
"""Writes of what was found before a lost race is left to the winner: it has seen as much."""

ROWS_PER_PAGE = 4_000
"""Rows that one page looks at, at most: a year has many, and a request half a minute."""


@dataclass(frozen=True, slots=True)
class ChargesCompared:
    """What one run did: the days, the sessions on them, and those whose charge is unknown."""

    days: int
    sessions: int
    unknown: int


def compare_charges(deps: Deps, provider: str, day: date | None = None) -> ChargesCompared:
    """Compare `day`, or each of the last whole days: providers bill late, and correct themselves.

    Safe to repeat. Charges that cannot be read leave unknown what was not known before.
    Raises: ProviderError then, when all is written: nobody should believe for days that they agree.
    """
    # Before anything is read: of two runs the one that has asked later knows better.
    asked_at = deps.now()
    days = Days(day, day) if day else _last_days(deps)
    booked = _booked(deps, provider, days)
    if provider not in deps.enabled_providers and not booked:
        return ChargesCompared(0, 0, 0)
    adapter = deps.provider(provider)
    charges, unread = _charges(deps, provider, adapter, days)
    whole = Total()
    for number in range(days.count):
        sheet = _sheet(deps, provider, days.first + timedelta(days=number), booked, charges)
        whole += _compare(deps, sheet, adapter, charges, asked_at)
    if unread is not None:
        raise unread
    return ChargesCompared(days.count, whole.sessions, whole.unknown)


def _last_days(deps: Deps) -> Days:
    today = deps.now().date()
    return Days(today - timedelta(days=deps.settings.charges_days), today - timedelta(days=1))


type Booked = Mapping[date, Mapping[str, tuple[str, int]]]


def _booked(deps: Deps, provider: str, days: Days) -> Booked:
    """By day and session: the consumer, and micro-dollars at this provider."""
    found: defaultdict[date, dict[str, tuple[str, int]]] = defaultdict(dict)
    for row in costs.days(deps.costs, EVERYBODY, days.first, days.last):
        own = [share.microusd for share in row.shares if share.provider == provider]
        if own:
            found[row.day][row.session_id] = (row.consumer_id, sum(own))
    return dict(found)


def _charges(
    deps: Deps, provider: str, adapter: Provider, days: Days
) -> tuple[list[Charge] | None, ProviderError | None]:
    """What was charged, or why it cannot be read, which is told; neither of who tells none."""
    if not isinstance(adapter, TellsCharges):
        return None, None
    try:
        return adapter.charges(days.start, days.end), None
    except ProviderError as exc:
        deps.note(Fact("charges_unread", provider=provider, reason=exc.code))
        return None, exc


def _sheet(
    deps: Deps, provider: str, day: date, booked: Booked, charges: Iterable[Charge] | None
) -> Sheet:
    """What we know of the day, sessions that only the provider's entries name included."""
    rows = booked.get(day, {})
    labels = (owned(one.label, deps.deployment_id) for one in charges or ())
    named = {label.session_id for label in labels if label is not None}
    sessions = session_store.get_many(deps.sessions, {**rows, **dict.fromkeys(named)})
    return Sheet(
        day=day,
        provider=provider,
        booked={session_id: microusd for session_id, (_, microusd) in rows.items()},
        machines={
            one.id: machines_of(one, costs.account(deps.costs, one.id).strays, provider, day)
            for one in sessions.values()
        },
        consumers={one.id: one.consumer_id for one in sessions.values()},
    )


def _compare(
    deps: Deps, sheet: Sheet, adapter: Provider, charges: list[Charge] | None, asked_at: datetime
) -> Total:
    if isinstance(adapter, TellsCharges):
        proof_s = deps.settings.charges_proof_s
        found = by_charges(sheet, charges, deps.deployment_id, asked_at, proof_s)
    else:
        found = by_price(sheet, asked_at)
    _write(deps, sheet, found)
    told = _add_up(deps, sheet, asked_at)
    deps.note(_told(sheet, told))
    return told


def _write(deps: Deps, sheet: Sheet, found: list[Compared]) -> None:
    """Write what is new; what somebody else wrote meanwhile is read and compared again."""
    for _ in range(TRIES):
        before = store.of_day(deps.costs, sheet.provider, sheet.day)
        written = [store.put(deps.costs, row) for row in news(before, found)]
        if all(written):
            return


def _add_up(deps: Deps, sheet: Sheet, asked_at: datetime) -> Total:
    """The total of the rows as they stand: another run may have learnt what this one could not."""
    for _ in range(TRIES):
        # Before the rows are read: a total that was written since may hold more of them.
        version = store.total_version(deps.costs, sheet.provider, sheet.day)
        told = total(store.of_day(deps.costs, sheet.provider, sheet.day))
        after = DayTotal(
            day=sheet.day,
            provider=sheet.provider,
            total=told,
            compared_at=asked_at,
            version=version,
        )
        if store.put_total(deps.costs, after):
            break
    return told


def _told(sheet: Sheet, told: Total) -> Fact:
    counted = {"ChargesUnknown": float(told.unknown)}
    if told.drift_bp is not None:
        counted["ChargesDrift"] = 100.0 if told.unbooked else told.drift_bp / 100
    return Fact(
        "charges_compared",
        provider=sheet.provider,
        metrics=counted,
        details={
            "day": sheet.day.isoformat(),
            "sessions": told.sessions,
            "booked_usd": to_usd(told.booked_microusd),
            "charged_usd": to_usd(told.charged_microusd),
            "unbooked": told.unbooked,
        },
    )


def list_compared(
    deps: Deps, days: Days, wanted: Callable[[Compared], bool], after: str | None, limit: int
) -> tuple[list[Compared], str | None]:
    """Up to `limit` rows that `wanted` lets pass, and the position to go on from.

    Looks at a bounded number of rows: a page may be short and still have a next one.
    """
    page: list[Compared] = []
    for looked_at, row in enumerate(store.rows(deps.costs, days, after), 1):
        if wanted(row):
            if len(page) == limit:
                return page, store.position_of(page[-1])
            page.append(row)
        if looked_at == ROWS_PER_PAGE:
            return page, store.position_of(row)
    return page, None


def totals_by_provider(deps: Deps, days: Days) -> dict[str, Total]:
    """All compared days together, by provider."""
    found: defaultdict[str, Total] = defaultdict(Total)
    for one in store.totals(deps.costs, days):
        found[one.provider] += one.total
    return dict(sorted(found.items()))
