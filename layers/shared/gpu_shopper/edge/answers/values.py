"""Instants and money as they appear in answers."""

from __future__ import annotations

from datetime import datetime

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import to_usd


def instant(instant: datetime | None) -> str | None:
    """RFC 3339 with Z; None stays None: an unknown instant is left out."""
    return to_text(instant) if instant else None


def usd(microusd: int | None) -> float | None:
    """Dollars; None stays None."""
    return None if microusd is None else to_usd(microusd)
