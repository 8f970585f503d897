"""The menu: which offers a caller gets to see, how far to trust them, and in which order.

Tens of thousands of offers are looked through for each list. So snapshots keep them sorted by
price, only the filters that are set are applied, and confidence is worked out where it matters:
for the page shown, for equal prices, and where it is filtered or sorted by.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from gpu_shopper.core.compatibility import fits
from gpu_shopper.core.failures import Judge
from gpu_shopper.core.inventory import (
    Filters,
    ProviderView,
    Shown,
    Snapshot,
    Sort,
    Usability,
    staleness_factor,
)
from gpu_shopper.core.location_stats import location_confidence
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings

type Rank = Callable[[Offer], float]

_price: Callable[[Offer], int] = attrgetter("price_microusd_per_hour")
_RANKS: Mapping[Sort, Rank] = {
    Sort.PRICE_DESC: lambda offer: -offer.price_microusd_per_hour,
    Sort.RELIABILITY: lambda offer: 1.0 if offer.reliability is None else -offer.reliability,
    Sort.VRAM: lambda offer: 1.0 if offer.vram_gb is None else -offer.vram_gb,
}
_LEAST: Sequence[tuple[Callable[[Filters], float], Callable[[Offer], float | None]]] = (
    (attrgetter("min_gpu_count"), attrgetter("gpu_count")),
    (attrgetter("min_vram_gb"), attrgetter("vram_gb")),
    (attrgetter("min_reliability"), attrgetter("reliability")),
    (attrgetter("min_cuda"), attrgetter("cuda_version")),
    (attrgetter("min_total_vram_gb"), lambda offer: (offer.vram_gb or 0) * offer.gpu_count),
)
"""The filters by a least value, and the values that they look at."""


class Shelf:
    """The offers of one snapshot, of any age, as callers see them at one instant."""

    def __init__(
        self, view: ProviderView, snapshot: Snapshot, now: datetime, settings: Settings
    ) -> None:
        judge = Judge(view.memory, now, settings)
        withdrawn = {offer_id for offer_id in view.withdrawn if not view.shows(offer_id)}
        self.provider = view.provider
        self._snapshot = snapshot
        self._judge = judge
        self._trust = staleness_factor((now - snapshot.fetched_at).total_seconds(), settings)
        self._hidden_offers = judge.hidden_offers | withdrawn
        self._location_of = FACTS[view.provider].location_of if view.locations else None
        self._locations = {
            location_id: location_confidence(stats, now, settings)
            for location_id, stats in view.locations.items()
        }

    def get(self, offer_id: str) -> Shown | None:
        """One offer; None when it is not there, suppressed or withdrawn."""
        offer = self._snapshot.offers.get(offer_id)
        if offer is None or offer_id in self._hidden_offers or self._judge.hides(offer):
            return None
        return self.show(offer)

    def show(self, offer: Offer) -> Shown:
        """`offer` with its confidence and where its price stands."""
        percentile = self._snapshot.percentiles.get(offer.id)
        return Shown(offer, self._snapshot.fetched_at, self.confidence(offer), percentile)

    def confidence(self, offer: Offer) -> float:
        """How sure it is that `offer` can be rented, 0 to 1."""
        trust = self._trust * self._judge.multiplier(offer)
        return min(1.0, max(0.0, self._base_confidence(offer) * trust))

    def standing(self) -> Sequence[Offer]:
        """All offers that are neither withdrawn nor suppressed, by price and id."""
        return self._visible(self._snapshot.by_price)

    def matching(self, filters: Filters) -> Sequence[Offer]:
        """Those of `standing` that pass every filter."""
        offers = self._visible(chosen(self._snapshot.by_price, filters))
        least = filters.min_confidence
        return [one for one in offers if self.confidence(one) >= least] if least else offers

    def _visible(self, offers: Sequence[Offer]) -> Sequence[Offer]:
        ids, machines = self._hidden_offers, self._judge.hidden_machines
        if not ids and not machines:
            return offers
        return [one for one in offers if one.id not in ids and one.machine_id not in machines]

    def _base_confidence(self, offer: Offer) -> float:
        """The offer's own, or what is known of launches at its location."""
        if self._location_of is None:
            return offer.base_confidence
        return self._locations.get(self._location_of(offer.provider_id), offer.base_confidence)


def shelf_of(view: ProviderView, now: datetime, settings: Settings) -> Shelf | None:
    """The offers of `view`; None when it cannot be used."""
    if view.snapshot is None or view.usability(now, settings) is Usability.UNAVAILABLE:
        return None
    return Shelf(view, view.snapshot, now, settings)


def standing(view: ProviderView, now: datetime, settings: Settings) -> Sequence[Offer]:
    """Offers of the view's snapshot, of any age, that are neither withdrawn nor suppressed."""
    return Shelf(view, view.snapshot, now, settings).standing() if view.snapshot else []


def page(
    shelves: Sequence[Shelf], filters: Filters, sort: Sort, limit: int, offset: int
) -> tuple[list[Shown], int]:
    """The offers from `offset` on, at most `limit`, and how many match in all.

    Ordered by `sort`; ties by price, confidence (highest first) and id.
    """
    by_provider = {shelf.provider: shelf for shelf in shelves}

    def confidence(offer: Offer) -> float:
        return -by_provider[offer.provider].confidence(offer)

    found = _merged([by_provider[name].matching(filters) for name in sorted(by_provider)])
    rank = confidence if sort is Sort.CONFIDENCE else _RANKS.get(sort, _price)
    if rank is not _price:
        found = sorted(found, key=rank)
    window = _window(found, lambda one: (rank(one), _price(one)), confidence, limit, offset)
    return [by_provider[one.provider].show(one) for one in window], len(found)


def folded(gpu_type: str) -> str:
    """A GPU name without case, spaces, `-` and `_`, as names are compared in searches."""
    return re.sub(r"[\s_-]", "", gpu_type).casefold()


def chosen(offers: Sequence[Offer], filters: Filters) -> Sequence[Offer]:
    """Those of `offers`, which are sorted by price, that pass every filter but confidence.

    Unknown numbers fail a filter above 0.
    """
    if filters.max_price_microusd is not None:
        offers = offers[: bisect_right(offers, filters.max_price_microusd, key=_price)]
    if filters.gpu_type:
        types = _containing({one.gpu_type for one in offers}, filters.gpu_type, folded)
        offers = [one for one in offers if one.gpu_type in types]
    if filters.location:
        places = _containing({one.location for one in offers}, filters.location, str.casefold)
        offers = [one for one in offers if one.location in places]
    for wanted, value in _LEAST:
        least = wanted(filters)
        if least > 0:
            offers = [one for one in offers if (value(one) or 0) >= least]
    if filters.conditions:
        offers = [one for one in offers if fits(one, filters.conditions)]
    return offers


def _containing(names: set[str], part: str, fold: Callable[[str], str]) -> set[str]:
    wanted = fold(part)
    return {name for name in names if wanted in fold(name)}


def _merged(shelves: Sequence[Sequence[Offer]]) -> Sequence[Offer]:
    """All offers by price and id. Ids begin with their provider, in whose order shelves come."""
    if len(shelves) == 1:
        return shelves[0]
    return sorted((offer for shelf in shelves for offer in shelf), key=_price)


def _window(
    offers: Sequence[Offer], key: Callable[[Offer], Any], tie: Rank, limit: int, offset: int
) -> list[Offer]:
    """A page of `offers`, which are sorted by `key` and id; equals of one key are put in order.

    Only the page and the equals at its two ends are looked at.
    """
    last = min(offset + limit, len(offers))
    if offset >= last:
        return []
    begin, end = offset, last
    while begin > 0 and key(offers[begin - 1]) == key(offers[offset]):
        begin -= 1
    while end < len(offers) and key(offers[end]) == key(offers[last - 1]):
        end += 1
    in_order = sorted(offers[begin:end], key=lambda one: (key(one), tie(one)))
    return in_order[offset - begin : last - begin]
