"""A provider that tells what it charges, what was rented there, and what its comparison found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.cost_periods import Days
from gpu_shopper.core.states import State
from gpu_shopper.store import charges as store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.usecases.ledger import accrue
from tests.builders import a_session, an_attempt, later
from tests.fakes import FakeProvider
from tests.world import World

DAY = date(2026, 2, 7)
NEXT_MORNING = later(18 * 3_600)


@dataclass
class Charging(FakeProvider):
    """A provider that tells what it has charged, and remembers for which time it was asked."""

    bill: list[Charge] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    def charges(self, start: datetime, end: datetime) -> list[Charge]:
        self.spans.append((start, end))
        self._call("charges", "")
        return self.bill


def ended(world: World, length_s: float = 3_600, number: int = 1, provider: str = "vastai") -> str:
    """A session of $0.40 an hour that began at noon and is booked; its id."""
    attempt = an_attempt(
        instance_id=f"500{number}",
        offer_id=f"{provider}-{number}",
        provider=provider,
        ended_at=later(length_s),
        price_source="provider",
        label="",
    )
    session = a_session(
        id=f"00000000-0000-4000-8000-00000000000{number}",
        version=1,
        state=State.STOPPED,
        stopped_at=later(length_s),
        attempts=(attempt,),
    )
    session_store.create(world.deps.sessions, session, session.expires_at)
    assert accrue(world.deps, session, later(length_s))
    return session.id


def charge(number: int = 1, amount: int = 400_000, length_s: float = 3_600) -> Charge:
    return Charge(
        instance_id=f"500{number}",
        label=None,
        start=later(0),
        end=later(length_s),
        amount_microusd=amount,
    )


def compared(world: World, day: date = DAY) -> dict[str, tuple[int, int | None]]:
    """Booked and charged, by session."""
    rows = store.rows(world.deps.costs, Days(day, day))
    return {row.session_id: (row.booked_microusd, row.charged_microusd) for row in rows}


def drifts(world: World) -> list[tuple[str, float | None, float]]:
    """Day, drift in percent and unknown sessions, of each comparison told."""
    return [
        (
            fact.details["day"],
            fact.metrics.get("ChargesDrift"),
            fact.metrics["ChargesUnknown"],
        )
        for fact in world.facts
        if fact.operation == "charges_compared"
    ]
