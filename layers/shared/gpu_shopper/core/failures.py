"""Failure memory: how past failures lower the trust in offers, machines and GPU types.

One event per failed attempt. Offers of one machine suffer together: a machine that fails keeps
failing under whatever offer it is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import EndReason

PER_FAILURE = 0.7
DEGRADED_TYPE = 0.3
FLOOR = 0.05


class FailureType(StrEnum):
    """Failures that speak against an offer; faults of provider, caller or ours never do."""

    STALE_INVENTORY = "stale_inventory"
    NO_CAPACITY = "no_capacity"
    INSTANCE_STOPPED = "instance_stopped"
    INSTANCE_VANISHED = "instance_vanished"
    SSH_TIMEOUT = "ssh_timeout"
    API_TIMEOUT = "api_timeout"
    AUTH_FAILED = "auth_failed"
    INSUFFICIENT_DISK_ON_HOST = "insufficient_disk_on_host"
    DEPLOY_FAILED = "deploy_failed"
    SESSION_FAILED = "session_failed"
    UNKNOWN = "unknown"


BLAMED: Mapping[EndReason, FailureType] = {
    EndReason.STALE_INVENTORY: FailureType.STALE_INVENTORY,
    EndReason.NO_CAPACITY: FailureType.NO_CAPACITY,
    EndReason.INSTANCE_STOPPED: FailureType.INSTANCE_STOPPED,
    EndReason.GHOST: FailureType.INSTANCE_VANISHED,
    EndReason.SSH_TIMEOUT: FailureType.SSH_TIMEOUT,
    EndReason.API_TIMEOUT: FailureType.API_TIMEOUT,
    EndReason.AUTH_FAILED: FailureType.AUTH_FAILED,
    EndReason.INSUFFICIENT_DISK_ON_HOST: FailureType.INSUFFICIENT_DISK_ON_HOST,
    EndReason.LAUNCH_REJECTED: FailureType.DEPLOY_FAILED,
    EndReason.HOST_KEY_CHANGED: FailureType.SESSION_FAILED,
    EndReason.PRICE_MISMATCH: FailureType.UNKNOWN,
}
"""Which ends of an attempt are the offer's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed attempt at one offer."""

    provider: str
    offer_id: str
    gpu_type: str
    type: FailureType
    at: datetime
    machine_id: str | None = None
    reason: str | None = None

    @property
    def box(self) -> str:
        """What counts once: the machine when it is known, else the offer."""
        return self.machine_id or self.offer_id

    def concerns(self, offer_id: str, machine_id: str | None) -> bool:
        """True for the same offer, or another offer of the same known machine."""
        same_machine = machine_id is not None and machine_id == self.machine_id
        return offer_id == self.offer_id or same_machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An offer, and every offer of its machine, hidden until `until`."""

    offer_id: str
    machine_id: str | None = None
    at: datetime
    until: datetime

    def covers(self, offer_id: str, machine_id: str | None, now: datetime) -> bool:
        """True while in force for this offer or this machine."""
        same_machine = machine_id is not None and machine_id == self.machine_id
        return now < self.until and (offer_id == self.offer_id or same_machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one provider."""

    failures: Sequence[Failure] = ()
    suppressions: Sequence[Suppression] = field(default_factory=tuple)

    def recent(self, now: datetime, max_age_s: int) -> list[Failure]:
        """Failures younger than `max_age_s`; one of exactly that age no longer counts."""
        limit = timedelta(seconds=max_age_s)
        return [one for one in self.failures if now - one.at < limit]

    def suppressed(self, offer_id: str, machine_id: str | None, now: datetime) -> datetime | None:
        """Until when this offer is hidden; None when it is not."""
        ends = (s.until for s in self.suppressions if s.covers(offer_id, machine_id, now))
        return max(ends, default=None)


def count(memory: Memory, offer_id: str, machine_id: str | None, now: datetime, s: Settings) -> int:
    """Failures of an offer, or of its machine, in the last 30 minutes."""
    recent = memory.recent(now, s.failure_offer_window_s)
    return sum(one.concerns(offer_id, machine_id) for one in recent)


def degraded_types(memory: Memory, now: datetime, settings: Settings) -> frozenset[str]:
    """GPU types that failed on 3 different machines (or offers) in the last hour."""
    limit = settings.failure_type_offers
    failed = type_failures(memory, now, settings)
    return frozenset(gpu_type for gpu_type, offers in failed.items() if offers >= limit)


def suppression_of(memory: Memory, failure: Failure, settings: Settings) -> Suppression | None:
    """The suppression that `failure`, already in `memory`, begins; None while one is in force."""
    if memory.suppressed(failure.offer_id, failure.machine_id, failure.at) is not None:
        return None
    failures = count(memory, failure.offer_id, failure.machine_id, failure.at, settings)
    if failures < settings.failure_suppress_after:
        return None
    return Suppression(
        offer_id=failure.offer_id,
        machine_id=failure.machine_id,
        at=failure.at,
        until=failure.at + timedelta(seconds=settings.failure_suppress_s),
    )


class Judge:
    """What failures mean for the offers of one provider at one instant; built once per answer.

    Most offers have nothing to do with any failure, and are told apart by looking into sets.
    """

    def __init__(self, memory: Memory, now: datetime, settings: Settings) -> None:
        recent = memory.recent(now, settings.failure_offer_window_s)
        in_force = [one for one in memory.suppressions if now < one.until]
        self.hidden_offers = frozenset(one.offer_id for one in in_force)
        self.hidden_machines = frozenset(one.machine_id for one in in_force) - {None}
        self._recent = recent
        self._failed_offers = frozenset(one.offer_id for one in recent)
        self._failed_machines = frozenset(one.machine_id for one in recent) - {None}
        self._degraded = degraded_types(memory, now, settings)

    def hides(self, offer: Offer) -> bool:
        """True while `offer` is suppressed."""
        return offer.id in self.hidden_offers or offer.machine_id in self.hidden_machines

    def multiplier(self, offer: Offer) -> float:
        """How far to trust `offer`, 1 without failures."""
        offer_id, machine_id, failures = offer.id, offer.machine_id, 0
        if offer_id in self._failed_offers or machine_id in self._failed_machines:
            failures = sum(one.concerns(offer_id, machine_id) for one in self._recent)
        degraded = offer.gpu_type in self._degraded
        return combined(failures, degraded=degraded) if failures or degraded else 1.0


def combined(failures: int, *, degraded: bool) -> float:
    """0.7 per failure, times 0.3 for a degraded GPU type, never below 0.05."""
    product = PER_FAILURE**failures * (DEGRADED_TYPE if degraded else 1.0)
    return max(FLOOR, product)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferHealth:
    """What is remembered of one offer at one instant."""

    latest: Failure
    recent_failures: int
    suppression: Suppression | None
    multiplier: float


def offer_healths(memory: Memory, now: datetime, settings: Settings) -> list[OfferHealth]:
    """Every offer whose failures still count or which is hidden, last failed first."""
    degraded = degraded_types(memory, now, settings)
    remembered = memory.recent(now, settings.failure_type_window_s)
    latest = {one.offer_id: one for one in sorted(remembered, key=lambda one: one.at)}
    healths = [
        _health(memory, one, now, settings, degraded=one.gpu_type in degraded)
        for one in latest.values()
    ]
    counting = [one for one in healths if one.recent_failures or one.suppression]
    return sorted(counting, key=lambda one: (one.latest.at, one.latest.offer_id), reverse=True)


def _health(
    memory: Memory, latest: Failure, now: datetime, settings: Settings, *, degraded: bool
) -> OfferHealth:
    offer_id, machine_id = latest.offer_id, latest.machine_id
    failures = count(memory, offer_id, machine_id, now, settings)
    in_force = [s for s in memory.suppressions if s.covers(offer_id, machine_id, now)]
    suppression = max(in_force, key=lambda one: one.until, default=None)
    return OfferHealth(
        latest=latest,
        recent_failures=failures,
        suppression=suppression,
        multiplier=0.0 if suppression else combined(failures, degraded=degraded),
    )


def type_failures(memory: Memory, now: datetime, settings: Settings) -> dict[str, int]:
    """GPU type → how many different machines (or offers) failed in the last hour."""
    boxes: dict[str, set[str]] = {}
    for one in memory.recent(now, settings.failure_type_window_s):
        boxes.setdefault(one.gpu_type, set()).add(one.box)
    return {gpu_type: len(seen) for gpu_type, seen in boxes.items()}
