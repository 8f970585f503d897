"""Automatic retry: whether another attempt may follow, and which offers are comparable.

The first attempt's offer is the measure for all later ones: what the caller chose does not drift.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gpu_shopper.core.compatibility import conditions_of, fits
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Attempt, RetryScope, Session, Wish
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import ROWS, EndReason, Event, State, row_for

NO_OFFER = "no comparable offer"
NO_TIME = "too little time left for another attempt"


def _reasons(event: Event) -> frozenset[EndReason]:
    return frozenset(reason for row in ROWS if row.event is event for reason in row.reasons)


AFTER_REFUSAL = _reasons(Event.REFUSE_LAUNCH) - {
    EndReason.PROVIDER_AUTH,
    EndReason.LAUNCH_REJECTED,
}
"""Refusals after which another offer may do better: not bad credentials, not a bad request."""

AFTER_RENTAL = _reasons(Event.FAIL_PROVISIONING) - {EndReason.PROVISION_TIMEOUT} | {EndReason.GHOST}
"""Failures of a rented machine; a launch that nobody can tell the end of is none of them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer for the next attempt, and what it costs per hour with the session's disk."""

    offer: Offer
    price_microusd_per_hour: int


def is_retried(session: Session, reason: EndReason, *, rented: bool) -> bool:
    """True when the caller wants another attempt after this end of the current one."""
    reasons = AFTER_RENTAL if rented else AFTER_REFUSAL
    may_follow = row_for(session.state, Event.RETRY_LAUNCH) is not None
    return session.wish.auto_retry and may_follow and reason in reasons


def no_more(session: Session, now: datetime, settings: Settings) -> str | None:
    """Why no further attempt may start at `now`, in words for people; None when one may."""
    allowed = session.wish.max_retries
    if session.attempt.number > allowed:
        return f"retries exhausted ({allowed})"
    if session.expires_at - now < timedelta(seconds=settings.retry_min_left_s):
        return NO_TIME
    return None


def price_cap(session: Session, settings: Settings) -> int | None:
    """Most micro-dollars per hour that any attempt may cost: the caller's cap, and the scope's."""
    wish = session.wish
    caps = [] if wish.max_price_microusd_per_hour is None else [wish.max_price_microusd_per_hour]
    if wish.auto_retry:
        caps.append(session.attempts[0].accepted_price * _percent(wish, settings) // 100)
    return min(caps, default=None)


def _percent(wish: Wish, settings: Settings) -> int:
    return {
        RetryScope.SAME_GPU: settings.retry_same_gpu_price_percent,
        RetryScope.SAME_VRAM: settings.retry_same_vram_price_percent,
        RetryScope.ANY: settings.retry_any_price_percent,
    }[wish.retry_scope]


def is_dearer_than_accepted(price: int, attempt: Attempt, settings: Settings) -> bool:
    """True when `price` is above the attempt's accepted one by more than the tolerance."""
    return price * 100 > attempt.accepted_price * (100 + settings.price_mismatch_percent)


def disk_gb_at(provider: str, wish: Wish) -> int:
    """Disk in GB to rent at `provider`: what the session has, or the provider's least."""
    return max(wish.disk_gb, FACTS[provider].disk_min_gb)


def candidates(
    offers: Iterable[Shown], session: Session, held: Collection[str], settings: Settings
) -> list[Candidate]:
    """The best comparable offers, best first; at most `retry_candidates`.

    `offers` are those that may be rented now; `held` are ids that a session holds already.
    """
    cap = price_cap(session, settings)
    found = [
        (one.confidence, Candidate(one.offer, _price(one.offer, session.wish)))
        for one in offers
        if _is_comparable(one.offer, session) and one.offer.id not in held
    ]
    fitting = [each for each in found if cap is None or each[1].price_microusd_per_hour <= cap]
    fitting.sort(key=lambda each: (-each[0], each[1].price_microusd_per_hour, each[1].offer.id))
    return [candidate for _, candidate in fitting[: settings.retry_candidates]]


def _price(offer: Offer, wish: Wish) -> int:
    return offer.price_with_disk(disk_gb_at(offer.provider, wish))


def _is_comparable(offer: Offer, session: Session) -> bool:
    original, wish = session.attempts[0], session.wish
    return (
        offer.gpu_count == original.gpu_count
        and _is_in_scope(offer, original, wish.retry_scope)
        and _can_serve(offer, wish)
        and not any(_was_tried(offer, attempt) for attempt in session.attempts)
    )


def _is_in_scope(offer: Offer, original: Attempt, scope: RetryScope) -> bool:
    same_provider = offer.provider == original.provider
    if scope is RetryScope.SAME_GPU:
        return same_provider and offer.gpu_type == original.gpu_type
    if offer.vram_gb is None or original.vram_gb is None:
        return False
    return offer.vram_gb >= original.vram_gb and (same_provider or scope is RetryScope.ANY)


def _can_serve(offer: Offer, wish: Wish) -> bool:
    """False where the wanted image or template cannot run, or the disk has no room."""
    facts, room_gb = FACTS[offer.provider], offer.disk_gb_available
    has_room = room_gb is None or room_gb >= disk_gb_at(offer.provider, wish)
    takes_image = wish.docker_image is None or facts.takes_image
    return has_room and takes_image and _fits_template(offer, wish)


def _fits_template(offer: Offer, wish: Wish) -> bool:
    if wish.template is None:
        return True
    conditions = conditions_of(wish.template.extra_filters).readable
    return FACTS[offer.provider].has_templates and fits(offer, conditions)


def _was_tried(offer: Offer, attempt: Attempt) -> bool:
    """True for the attempt's offer, and for every offer of its machine."""
    machine = (attempt.provider, attempt.machine_id)
    same_machine = attempt.machine_id is not None and machine == (offer.provider, offer.machine_id)
    return offer.id == attempt.offer_id or same_machine


def holds_offer(session: Session, consumer_id: str) -> bool:
    """True when nobody else, or not this consumer again, may rent the session's current offer."""
    if session.is_live and FACTS[session.attempt.provider].rented_once:
        return True
    guarded = session.is_live and session.state is not State.STOPPING
    return guarded and session.consumer_id == consumer_id
