"""Snapshots of what providers offer, how old they may be, and what a caller may want of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from operator import attrgetter

from gpu_shopper.core.compatibility import Condition
from gpu_shopper.core.failures import Memory
from gpu_shopper.core.location_stats import LocationStats
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings

LEAST_TRUST = 0.5


class Usability(StrEnum):
    """How old a provider's newest snapshot is, in the words shown to callers."""

    OK = "ok"
    STALE = "stale"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True)  # no slots: the order is kept once it is known
class Snapshot:
    """One complete fetch of one provider. `fetched_at` is when the fetch began.

    `recently_seen` holds offers that were in an earlier snapshot and are not in this one, with
    the instant they were last seen. `percentiles` holds, by offer, where its price stood among
    those of the 7 days before this fetch, 0 to 100; offers with too short a history are absent.
    """

    provider: str
    generation: str
    fetched_at: datetime
    offers: Mapping[str, Offer]
    recently_seen: Mapping[str, datetime] = field(default_factory=dict)
    percentiles: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def by_price(self) -> Sequence[Offer]:
        """The offers, cheapest first, then by id; many lists are made of one generation."""
        return sorted(self.offers.values(), key=attrgetter("price_microusd_per_hour", "id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """What one answer may use of a provider: fixed once, so generations never mix."""

    provider: str
    snapshot: Snapshot | None
    withdrawn: Mapping[str, datetime] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    locations: Mapping[str, LocationStats] = field(default_factory=dict)
    error: str | None = None

    def usability(self, now: datetime, settings: Settings) -> Usability:
        """`ok`, `stale` after 120 s, `unavailable` after 600 s or without any snapshot."""
        if self.snapshot is None:
            return Usability.UNAVAILABLE
        age_s = (now - self.snapshot.fetched_at).total_seconds()
        if age_s > settings.snapshot_usable_s:
            return Usability.UNAVAILABLE
        return Usability.STALE if age_s > settings.snapshot_fresh_s else Usability.OK

    def shows(self, offer_id: str) -> bool:
        """False for an offer withdrawn after this snapshot's fetch began."""
        withdrawn_at = self.withdrawn.get(offer_id)
        if withdrawn_at is None or self.snapshot is None:
            return True
        return self.snapshot.fetched_at > withdrawn_at


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer as a caller sees it at one instant."""

    offer: Offer
    fetched_at: datetime
    confidence: float
    price_percentile: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a caller wants; None or 0 does not filter."""

    gpu_type: str | None = None
    location: str | None = None
    min_vram_gb: int = 0
    max_price_microusd: int | None = None
    min_gpu_count: int = 0
    min_reliability: float = 0.0
    min_confidence: float = 0.0
    min_cuda: float = 0.0
    min_total_vram_gb: int = 0
    conditions: tuple[Condition, ...] = ()


class Sort(StrEnum):
    """Orders of a list; unknown values come last."""

    PRICE = "price"
    PRICE_DESC = "-price"
    CONFIDENCE = "confidence"
    RELIABILITY = "reliability"
    VRAM = "vram"


def staleness_factor(age_s: float, settings: Settings) -> float:
    """How far to trust an offer seen `age_s` ago: 1 below 120 s, falling to 0.5 at 300 s."""
    span_s = settings.snapshot_half_trust_s - settings.snapshot_fresh_s
    over_s = age_s - settings.snapshot_fresh_s
    return min(1.0, max(LEAST_TRUST, 1.0 - (1.0 - LEAST_TRUST) * over_s / span_s))


def remembered(
    old: Snapshot | None, offers: Mapping[str, Offer], now: datetime, settings: Settings
) -> dict[str, datetime]:
    """What a new snapshot must remember of offers that it does not hold any more."""
    if old is None:
        return {}
    last_seen = {**old.recently_seen, **dict.fromkeys(old.offers, old.fetched_at)}
    return {
        offer_id: at
        for offer_id, at in last_seen.items()
        if offer_id not in offers and (now - at).total_seconds() < settings.offer_memory_s
    }
