"""Counting what a provider said to launches, where that tells something of a whole location."""

from __future__ import annotations

from gpu_shopper.core.location_stats import counts_since
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Attempt
from gpu_shopper.store.location_stats import count_launch
from gpu_shopper.usecases.deps import Deps


def count_judged(deps: Deps, attempt: Attempt, *, accepted: bool) -> None:
    """Count a launch that the provider judged: it rented a machine, or has none for this offer.

    Any other answer says nothing of the location. An unclear launch is judged when its machine is
    found, and counts from that instant on.
    """
    location_of = FACTS[attempt.provider].location_of
    if location_of is None:
        return
    now = deps.now()
    count_launch(
        deps.inventory.table,
        attempt.provider,
        location_of(attempt.provider_offer_id),
        accepted=accepted,
        at=now,
        since=counts_since(now, deps.settings),
    )
