"""What operators allow consumers a month: drawn for a seed's rentals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.simulation.plan import Rental

HOURLY_MICROUSD = 420_000
"""About what an hour of any offer costs."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What an operator allows one consumer a month, from that instant on."""

    deployment_id: str
    consumer_id: str
    at_ms: int
    microusd: int
    enforce: bool = True


def drawn_limit(random: Random, rental: Rental) -> tuple[Limit, Rental | None]:
    """A limit on whoever rents that; sometimes a rival, for which it leaves no room."""
    planned = rental.hours * HOURLY_MICROUSD + (rental.drain_min or 0) * HOURLY_MICROUSD // 60
    whose = rental.deployment_id, rental.consumer_id
    kind = random.choice(("race", "race", "moment", "moment", "late", "late", "told only"))
    if kind == "race":
        limit = Limit(
            *whose, rental.create_ms - 4 * SECOND, round(planned * random.uniform(1.1, 1.9))
        )
        other = (rental.offer + 1) % 3
        create_ms = rental.create_ms + random.randint(0, 8)
        return limit, replace(rental, offer=other, create_ms=create_ms, agent=None)
    if kind == "moment":
        at_ms = rental.create_ms + random.randint(-8, 16)
        return Limit(*whose, at_ms, planned // 3), None
    at_ms = rental.create_ms + random.randint(0, 10 * MINUTE)
    return Limit(*whose, at_ms, random.randint(5_000, 200_000), enforce=kind == "late"), None
