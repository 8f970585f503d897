"""Reading the menu: lists, single offers, and the offer a session is about to rent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gpu_shopper.core.failures import Memory
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.inventory import Filters, ProviderView, Shown, Sort
from gpu_shopper.core.menu import page, shelf_of
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Attempt
from gpu_shopper.errors import (
    OfferNotFound,
    OfferSuppressed,
    ProviderNotUsable,
    StaleInventory,
)
from gpu_shopper.store import inventory as store
from gpu_shopper.usecases.deps import Deps

RETRY_AFTER_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """One page of offers, and what is known of each provider asked."""

    page: list[Shown]
    total: int
    at: datetime
    views: list[ProviderView]


def list_offers(
    deps: Deps, providers: tuple[str, ...], filters: Filters, sort: Sort, limit: int, offset: int
) -> Menu:
    """One page of what `providers` offer. Raises ProviderNotUsable when none can be used."""
    now = deps.now()
    views = [_view(deps, provider) for provider in providers]
    shelves = [found for view in views if (found := shelf_of(view, now, deps.settings))]
    if not shelves:
        raise _unusable(", ".join(providers))
    shown, total = page(shelves, filters, sort, limit, offset)
    return Menu(page=shown, total=total, at=now, views=views)


def get_offer(deps: Deps, provider: str, offer_id: str) -> Shown:
    """The offer exactly as the list shows it now.

    Raises: OfferNotFound when it is not in the newest snapshot, ProviderNotUsable.
    """
    try:
        return rentable_offer(deps, provider, offer_id)
    except (StaleInventory, OfferSuppressed) as exc:
        raise OfferNotFound("offer not found", offer_id=offer_id) from exc


def rentable_offer(deps: Deps, provider: str, offer_id: str) -> Shown:
    """The offer, if it may be rented now.

    Raises: ProviderNotUsable, OfferSuppressed, StaleInventory (seen in the last hour),
    OfferNotFound.
    """
    now = deps.now()
    view = _view(deps, provider)
    shelf = shelf_of(view, now, deps.settings)
    if view.snapshot is None or shelf is None:
        raise _unusable(provider)
    found = shelf.get(offer_id)
    if found is not None:
        return found
    _check_suppression(view, offer_id, now)
    if offer_id in view.snapshot.offers or _seen_lately(deps, view, offer_id, now):
        raise StaleInventory(
            "the offer is not in the newest inventory any more",
            offer_id=offer_id,
            provider=provider,
            retry_suggested=True,
        )
    raise OfferNotFound("offer not found", offer_id=offer_id)


def memories(deps: Deps, providers: tuple[str, ...]) -> dict[str, Memory]:
    """What is remembered of each provider's failures."""
    return {provider: store.memory(deps.inventory, provider) for provider in providers}


def withdraw(deps: Deps, attempt: Attempt) -> None:
    """Hide the attempt's offer at once, until a later fetch shows it again."""
    table, keep_s = deps.inventory.table, deps.settings.offer_memory_s
    store.withdraw(table, attempt.provider, attempt.offer_id, deps.now(), keep_s)


def hide_if_single(deps: Deps, attempt: Attempt) -> None:
    """What we may have rented is hidden where an offer is one machine; elsewhere there are more."""
    if FACTS[attempt.provider].rented_once:
        withdraw(deps, attempt)


def rentable_everywhere(deps: Deps) -> Iterator[Shown]:
    """Every offer of every provider that may be rented now."""
    now = deps.now()
    for provider in deps.enabled_providers:
        shelf = shelf_of(_view(deps, provider), now, deps.settings)
        yield from map(shelf.show, shelf.standing()) if shelf else ()


def _check_suppression(view: ProviderView, offer_id: str, now: datetime) -> None:
    offer = view.snapshot.offers.get(offer_id) if view.snapshot else None
    until = view.memory.suppressed(offer_id, offer.machine_id if offer else None, now)
    if until is not None:
        raise OfferSuppressed(
            "the offer failed too often lately",
            offer_id=offer_id,
            suppressed_until=to_text(until),
        )


def _view(deps: Deps, provider: str) -> ProviderView:
    return store.view(deps.inventory, deps.snapshots, provider)


def _seen_lately(deps: Deps, view: ProviderView, offer_id: str, now: datetime) -> bool:
    seen_at = view.snapshot.recently_seen.get(offer_id) if view.snapshot else None
    return seen_at is not None and ((now - seen_at).total_seconds() < deps.settings.offer_memory_s)


def _unusable(providers: str) -> ProviderNotUsable:
    return ProviderNotUsable(
        f"no inventory young enough of {providers}",
        provider=providers,
        retry_suggested=True,
        retry_after_seconds=RETRY_AFTER_S,
    )
