"""Evidence of absence: the value without which nobody may call a session ended.

An `Absence` is made by the functions of this module and by nothing else. What a provider did not
say clearly (an error, a time-out, half a page, an unknown word) never gets here as an argument:
callers pass a lookup or a listing only when it was complete.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gpu_shopper.core.instances import Instance
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import (
    CircuitOpen,
    LaunchRejected,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    RateLimited,
    TooSoon,
)

ROW_MOST_APART = timedelta(seconds=100)
"""Complete listings are a row while no two are further apart: they come every minute, and one whose
run died in between may have failed without telling anybody."""


class Proof(StrEnum):
    """Which of the four ways of knowing was used."""

    NEVER_CALLED = "never_called"
    REFUSED = "refused"
    NEVER_RENTED = "never_rented"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Absence:
    """Nothing of this attempt costs money any more; known since `at`."""

    proof: Proof
    at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """One complete, successful listing of a provider's account, asked for at `at`."""

    at: datetime
    instances: tuple[Instance, ...]

    def labelled(self, label: str) -> list[Instance]:
        """Instances that carry exactly this label, lowest id first."""
        found = [one for one in self.instances if one.label == label]
        return sorted(found, key=lambda one: (len(one.id), one.id))

    def holds(self, instance_id: str, label: str) -> bool:
        """True when the id or the label is in this listing."""
        return any(one.id == instance_id or one.label == label for one in self.instances)


@dataclass(frozen=True, slots=True)
class Lookup:
    """One clear answer of the per-instance lookup, asked for at `at`; None = does not exist."""

    at: datetime
    instance: Instance | None


_REFUSALS = (
    OfferGone,
    NoCapacity,
    LaunchRejected,
    ProviderAuth,
    RateLimited,
    CircuitOpen,
    TooSoon,
)


def never_called(now: datetime) -> Absence:
    """Proof for a session whose current attempt was never sent to a provider."""
    return Absence(Proof.NEVER_CALLED, now)


def refused(error: ProviderError, now: datetime) -> Absence | None:
    """Proof when the provider's refusal is definite; None when something may have been rented."""
    return Absence(Proof.REFUSED, now) if isinstance(error, _REFUSALS) else None


def never_rented(
    label: str,
    call_ended_at: datetime,
    first_listing_at: datetime | None,
    second: Listing,
    settings: Settings,
) -> Absence | None:
    """Proof that an unclear launch rented nothing: two complete listings without its label.

    The first at least `never_rented_first_look_s` after the call ended, the second at least
    `listings_apart_s` after the first: a new machine may be missing from a listing for a while.
    """
    if first_listing_at is None or second.labelled(label):
        return None
    if first_listing_at < call_ended_at + timedelta(seconds=settings.never_rented_first_look_s):
        return None
    if second.at < first_listing_at + timedelta(seconds=settings.listings_apart_s):
        return None
    return Absence(Proof.NEVER_RENTED, second.at)


def gone(
    instance_id: str,
    label: str,
    *,
    launched_at: datetime,
    asked_at: datetime,
    lookup: Lookup,
    listing: Listing,
    settings: Settings,
) -> Absence | None:
    """Proof that an instance ended: lookup and listing, both after the terminate call, lack it.

    Evidence younger than `absence_min_age_s` after the launch does not count: listings lag.
    """
    oldest = min(lookup.at, listing.at)
    too_young = oldest < launched_at + timedelta(seconds=settings.absence_min_age_s)
    if lookup.instance is not None or listing.holds(instance_id, label):
        return None
    if too_young or oldest < asked_at:
        return None
    return Absence(Proof.GONE, max(lookup.at, listing.at))


def ghost(
    instance_id: str,
    label: str,
    *,
    missing_since: datetime | None,
    lookup: Lookup,
    listing: Listing,
    settings: Settings,
) -> Absence | None:
    """Proof that an instance nobody terminated is gone: two listings apart, and the lookup.

    `missing_since` is the first complete listing without it, with no failed listing since.
    """
    if missing_since is None or lookup.instance is not None:
        return None
    if listing.holds(instance_id, label):
        return None
    if listing.at < missing_since + timedelta(seconds=settings.listings_apart_s):
        return None
    return Absence(Proof.GONE, max(lookup.at, listing.at))


def complete(at: datetime, instances: Iterable[Instance]) -> Listing:
    """A listing that its adapter returned whole."""
    return Listing(at, tuple(instances))
