"""The menu: snapshots of what providers offer, and how far to trust, filter and sort them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gpu_shopper.core.compatibility import Condition, fits
from gpu_shopper.core.failures import Judge, Memory
from gpu_shopper.core.location_stats import LocationStats, location_confidence
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings

LEAST_TRUST = 0.5


class Usability(StrEnum):
    """How old a provider's newest snapshot is, in the words shown to callers."""

    OK = "ok"
    STALE = "stale"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
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


def shown(view: ProviderView, now: datetime, settings: Settings) -> list[Shown]:
    """All offers of a usable view, with their confidence at `now`; suppressed ones are left out."""
    snapshot = view.snapshot
    if snapshot is None or view.usability(now, settings) is Usability.UNAVAILABLE:
        return []
    age_s = (now - snapshot.fetched_at).total_seconds()
    trust = staleness_factor(age_s, settings)
    found = []
    for offer, multiplier in standing(view, now, settings):
        base = _base_confidence(offer, view.locations, now, settings)
        confidence = min(1.0, max(0.0, base * trust * multiplier))
        place = snapshot.percentiles.get(offer.id)
        found.append(Shown(offer, snapshot.fetched_at, confidence, place))
    return found


def standing(
    view: ProviderView, now: datetime, settings: Settings
) -> Iterator[tuple[Offer, float]]:
    """Offers of the view's snapshot, of any age, that are neither withdrawn nor suppressed.

    With each comes what its confidence is multiplied with for its failures.
    """
    judge = Judge(view.memory, now, settings)
    for offer in view.snapshot.offers.values() if view.snapshot else ():
        multiplier = judge.multiplier(offer)
        if multiplier is not None and view.shows(offer.id):
            yield offer, multiplier


def _base_confidence(
    offer: Offer, locations: Mapping[str, LocationStats], now: datetime, settings: Settings
) -> float:
    """The offer's own, or what is known of launches at its location."""
    location_of = FACTS[offer.provider].location_of if locations else None
    if location_of is None:
        return offer.base_confidence
    stats = locations.get(location_of(offer.provider_id))
    return location_confidence(stats, now, settings) if stats else offer.base_confidence


def folded(gpu_type: str) -> str:
    """A GPU name without case, spaces, `-` and `_`, as names are compared in searches."""
    return re.sub(r"[\s_-]", "", gpu_type).casefold()


def chosen(offers: Iterable[Shown], filters: Filters) -> list[Shown]:
    """The offers that pass every filter; unknown numbers fail a filter above 0."""
    wanted_gpu = folded(filters.gpu_type or "")
    place = (filters.location or "").casefold()
    return [one for one in offers if _passes(one, filters, wanted_gpu, place)]


def _passes(one: Shown, filters: Filters, wanted_gpu: str, place: str) -> bool:
    offer = one.offer
    limit = filters.max_price_microusd
    return (
        (limit is None or offer.price_microusd_per_hour <= limit)
        and wanted_gpu in folded(offer.gpu_type)
        and place in offer.location.casefold()
        and offer.gpu_count >= filters.min_gpu_count
        and (offer.vram_gb or 0) >= filters.min_vram_gb
        and (offer.reliability or 0.0) >= filters.min_reliability
        and one.confidence >= filters.min_confidence
        and (offer.cuda_version or 0.0) >= filters.min_cuda
        and (offer.vram_gb or 0) * offer.gpu_count >= filters.min_total_vram_gb
        and fits(offer, filters.conditions)
    )


_RANKS: Mapping[Sort, Callable[[Shown], float]] = {
    Sort.PRICE: lambda one: one.offer.price_microusd_per_hour,
    Sort.PRICE_DESC: lambda one: -one.offer.price_microusd_per_hour,
    Sort.CONFIDENCE: lambda one: -one.confidence,
    Sort.RELIABILITY: lambda one: 1.0 if one.offer.reliability is None else -one.offer.reliability,
    Sort.VRAM: lambda one: 1.0 if one.offer.vram_gb is None else -one.offer.vram_gb,
}


def ordered(offers: Iterable[Shown], sort: Sort) -> list[Shown]:
    """Sorted by `sort`; ties by price, confidence (highest first) and id."""
    rank = _RANKS[sort]
    return sorted(
        offers,
        key=lambda one: (
            rank(one),
            one.offer.price_microusd_per_hour,
            -one.confidence,
            one.offer.id,
        ),
    )


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
