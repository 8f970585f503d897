"""Fetching a provider's offers and templates: all of them become a generation, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gpu_shopper.core.inventory import Snapshot, remembered
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.templates import Templates, ordered
from gpu_shopper.errors import Conflict
from gpu_shopper.errors.provider import ProviderAuth, ProviderError, RateLimited
from gpu_shopper.providers.port import ListsTemplates
from gpu_shopper.store import fetches, operations
from gpu_shopper.store import inventory as store
from gpu_shopper.store import templates as templates_store
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.measuring import timed
from gpu_shopper.usecases.price_history import count_snapshots, percentiles_of

SWEEP = "inventory"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one fetch; `found` is None when nothing was published."""

    found: int | None
    error: str | None = None


def refresh_inventory(deps: Deps, provider: str) -> Refreshed:
    """Fetch the whole market of `provider`, unless a refresh is under way or must wait.

    A provider that is not enabled is left alone: its schedule runs all the same.
    """
    if provider not in deps.enabled_providers:
        return Refreshed(None, "not_enabled")
    started_at = deps.now()
    feed = store.feed_of(provider)
    if not _lease(deps, feed, started_at):
        return Refreshed(None, "not_due")
    with timed(deps, SWEEP, provider):
        return _fetch(deps, provider, feed, started_at)


def _fetch(deps: Deps, provider: str, feed: str, started_at: datetime) -> Refreshed:
    try:
        offers = {offer.id: offer for offer in deps.provider(provider).list_offers()}
    except ProviderError as exc:
        return _no_offers(deps, provider, exc)
    if (deps.now() - started_at).total_seconds() > deps.settings.refresh_give_up_s:
        return _no_offers(deps, provider, ProviderError("the refresh took too long"))
    old = store.view(deps.inventory, deps.snapshots, provider)
    snapshot = Snapshot(
        provider=provider,
        generation=deps.new_id(),
        fetched_at=started_at,
        offers=offers,
        recently_seen=remembered(old.snapshot, offers, started_at, deps.settings),
        percentiles=percentiles_of(deps, provider, offers.values(), started_at),
    )
    try:
        store.publish(deps.inventory, snapshot)
    except Conflict:
        return Refreshed(None, "overtaken")
    fetches.release_lease(deps.inventory.table, feed, started_at)
    _succeeded(deps, provider)
    # Also the snapshot before: the run that published it may have died before it counted it.
    count_snapshots(deps, provider, [old, replace(old, snapshot=snapshot)])
    return Refreshed(len(offers))


def refresh_templates(deps: Deps, provider: str) -> Refreshed:
    """Fetch all templates of `provider` when the last were fetched an hour ago; at most once.

    Only its own failures delay it, and it delays no offers. Its rights may be missing in a key
    that is good for everything else, so a refused key says nothing here about readiness.
    """
    lister = _lister(deps, provider)
    if lister is None:
        return Refreshed(None, "not_enabled")
    started_at, feed = deps.now(), templates_store.feed_of(provider)
    if not _lease(deps, feed, started_at):
        return Refreshed(None, "not_due")
    try:
        found = ordered(lister.list_templates())
    except ProviderError as exc:
        return _failed(deps, feed, provider, exc)
    templates = Templates(
        provider=provider, generation=deps.new_id(), fetched_at=started_at, all=found
    )
    try:
        templates_store.publish(deps.inventory, templates)
    except Conflict:
        return Refreshed(None, "overtaken")
    due_at = started_at + timedelta(seconds=deps.settings.templates_refresh_s)
    fetches.release_lease(deps.inventory.table, feed, due_at)
    return Refreshed(len(found))


def _lister(deps: Deps, provider: str) -> ListsTemplates | None:
    if provider not in deps.enabled_providers or not FACTS[provider].has_templates:
        return None
    adapter = deps.provider(provider)
    return adapter if isinstance(adapter, ListsTemplates) else None


def _lease(deps: Deps, feed: str, now: datetime) -> bool:
    return fetches.take_lease(deps.inventory.table, feed, now, deps.settings.refresh_lease_s)


def _succeeded(deps: Deps, provider: str) -> None:
    operations.mark_credentials(deps.operations, provider, None)
    operations.mark_sweep(deps.operations, f"{SWEEP}#{provider}", deps.now(), deps.release)
    counts, words = {"SweepCompleted": 1.0}, {"Sweep": SWEEP}
    deps.note(Fact("sweep_completed", provider=provider, metrics=counts, dimensions=words))


def _no_offers(deps: Deps, provider: str, error: ProviderError) -> Refreshed:
    """Discard the fetch as a whole; a key that is refused keeps the deployment from being ready."""
    if isinstance(error, ProviderAuth):
        operations.mark_credentials(deps.operations, provider, error.message)
    return _failed(deps, store.feed_of(provider), provider, error)


def _failed(deps: Deps, feed: str, provider: str, error: ProviderError) -> Refreshed:
    """Wait before the next fetch; the last good one is served on."""
    failures = fetches.note_failure(deps.inventory.table, feed, error.code)
    wait = timedelta(seconds=_backoff_s(deps, error, failures))
    fetches.release_lease(deps.inventory.table, feed, deps.now() + wait)
    deps.note(Fact("refresh_failed", provider=provider, reason=error.code, details={"feed": feed}))
    return Refreshed(None, error.code)


def _backoff_s(deps: Deps, error: ProviderError, failures: int) -> float:
    """60 s doubled for each failure in a row, at most 300 s; a rate limit waits those 300 s."""
    cap_s = deps.settings.refresh_backoff_cap_s
    if isinstance(error, RateLimited):
        return max(cap_s, error.retry_after_s or 0)
    return min(cap_s, deps.settings.refresh_backoff_s << min(failures - 1, 8))
