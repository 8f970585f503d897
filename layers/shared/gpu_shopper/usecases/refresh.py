"""Refreshing one provider's inventory: a complete fetch becomes a generation, or is discarded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from gpu_shopper.core.inventory import Snapshot, remembered
from gpu_shopper.errors import Conflict, ProviderAuth, ProviderError, RateLimited
from gpu_shopper.store import inventory as store
from gpu_shopper.store import operations
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.price_history import count_snapshots, percentiles_of

SWEEP = "inventory"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of one refresh; `offers` is None when nothing was published."""

    offers: int | None
    error: str | None = None


def refresh_inventory(deps: Deps, provider: str) -> Refreshed:
    """Fetch the whole market of `provider`, unless a refresh is under way or must wait.

    A provider that is not enabled is left alone: its schedule runs all the same.
    """
    if provider not in deps.enabled_providers:
        return Refreshed(None, "not_enabled")
    started_at = deps.now()
    table = deps.inventory.table
    if not store.take_lease(table, provider, started_at, deps.settings.refresh_lease_s):
        return Refreshed(None, "not_due")
    try:
        offers = {offer.id: offer for offer in deps.provider(provider).list_offers()}
    except ProviderError as exc:
        return _failed(deps, provider, exc)
    if (deps.now() - started_at).total_seconds() > deps.settings.refresh_give_up_s:
        return _failed(deps, provider, ProviderError("the refresh took too long"))
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
    store.release_lease(table, provider, started_at)
    _succeeded(deps, provider, len(offers))
    # Also the snapshot before: the run that published it may have died before it counted it.
    count_snapshots(deps, provider, [old, replace(old, snapshot=snapshot)])
    return Refreshed(len(offers))


def _succeeded(deps: Deps, provider: str, offers: int) -> None:
    operations.mark_credentials(deps.operations, provider, None)
    operations.mark_sweep(deps.operations, f"{SWEEP}#{provider}", deps.now(), deps.release)
    metrics = {"SweepCompleted": 1.0, "OffersAvailable": float(offers)}
    deps.note(
        Fact("sweep_completed", provider=provider, metrics=metrics, dimensions={"Sweep": SWEEP})
    )


def _failed(deps: Deps, provider: str, error: ProviderError) -> Refreshed:
    """Discard the fetch as a whole, and wait before the next; the last snapshot is served on."""
    failures = store.note_failure(deps.inventory.table, provider, error.code)
    if isinstance(error, ProviderAuth):
        operations.mark_credentials(deps.operations, provider, error.message)
    wait = timedelta(seconds=_backoff_s(deps, error, failures))
    store.release_lease(deps.inventory.table, provider, deps.now() + wait)
    deps.note(Fact("refresh_failed", provider=provider, reason=error.code))
    return Refreshed(None, error.code)


def _backoff_s(deps: Deps, error: ProviderError, failures: int) -> float:
    """60 s doubled for each failure in a row, at most 300 s; a rate limit waits those 300 s."""
    cap_s = deps.settings.refresh_backoff_cap_s
    if isinstance(error, RateLimited):
        return max(cap_s, error.retry_after_s or 0)
    return min(cap_s, deps.settings.refresh_backoff_s << min(failures - 1, 8))
