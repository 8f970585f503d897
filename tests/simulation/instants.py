"""Stored instants on the simulation's clock."""

from __future__ import annotations

from datetime import datetime

from gpu_shopper.core.instants import from_text
from tests.simulation.scheduler import START


def ms_of(stored: str | datetime) -> int:
    """Milliseconds since the simulation's beginning."""
    at = from_text(stored) if isinstance(stored, str) else stored
    return round((at - START).total_seconds() * 1_000)
