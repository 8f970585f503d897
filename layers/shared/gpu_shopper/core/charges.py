"""What a provider says it has billed, beside what we say it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One entry of a provider's bill: an instance, a stretch of time, micro-dollars.

    A correction in our favour is negative. An instance may have several entries, one a day.
    """

    instance_id: str
    label: str | None
    start: datetime
    end: datetime
    amount_microusd: int
