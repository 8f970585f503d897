"""Orphans: machines of ours that no live attempt owns. Destroyed, then proven gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gpu_shopper.core.evidence import Listing
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.reconciling import Findings, Orphan, orphan_limit, owns
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.store import orphans as store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store.orphans import OrphanRecord
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.stray_costs import bill_orphan, close_bill

PASSES_UNTIL_FAILING = 2
"""A pass asks once for the end of an orphan; the next one must see it gone."""


def cure_orphans(deps: Deps, provider: str, findings: Findings, listing: Listing) -> None:
    """Ask for the end of this pass's orphans, and close the records of those proven gone.

    Each is handled by itself: one that cannot be handled keeps no other alive.
    """
    limit = orphan_limit(findings.ours, deps.settings)
    wished = _wished(deps, provider)
    oldest_first = sorted(findings.orphans, key=lambda one: (len(one.instance.id), one.instance.id))
    for number, orphan in enumerate(oldest_first):
        # The bill first: a pass that dies may have ended a machine that no other will see.
        with _apart(deps, provider, orphan.instance.id, orphan.label):
            bill_orphan(deps, orphan)
        with _apart(deps, provider, orphan.instance.id, orphan.label):
            _see(deps, provider, orphan)
            if orphan.instance.id in wished or (number < limit and not is_dry_run(deps)):
                _destroy(deps, provider, orphan)
    held_back = len(oldest_first) - limit
    if held_back > 0:
        metrics = {"OrphansHeldBack": float(held_back)}
        deps.note(Fact("orphans_held_back", provider=provider, metrics=metrics))
    for record in list(store.still_open(deps.operations, provider)):
        with _apart(deps, provider, record.instance_id, record):
            _close_if_gone(deps, provider, record, listing)
            _tell_failing(deps, provider, record, listing)


def is_dry_run(deps: Deps) -> bool:
    """True while orphans are only told of, and destroyed one by one when an operator says so."""
    return deps.settings.reconcile_dry_run > 0


def _wished(deps: Deps, provider: str) -> set[str]:
    """Machines of which an operator wants the end, whatever the limit and the switch say."""
    records = store.still_open(deps.operations, provider)
    return {one.instance_id for one in records if one.requested_at is not None}


@contextmanager
def _apart(
    deps: Deps, provider: str, instance_id: str, owner: Label | OrphanRecord
) -> Iterator[None]:
    """Whatever goes wrong with this machine is told, and the pass goes on to the next."""
    session_id, attempt = owner.session_id, owner.attempt
    try:
        with deps.concerning(session_id=session_id, attempt=attempt, instance_id=instance_id):
            yield
    except Exception as exc:  # noqa: BLE001  (one bad record must not keep other orphans alive)
        reason = type(exc).__name__
        fact = Fact("sweep_item_failed", provider=provider, instance_id=instance_id, reason=reason)
        deps.note(fact)


def _see(deps: Deps, provider: str, orphan: Orphan) -> None:
    found = _detected(provider, orphan)
    if store.see(deps.operations, provider, orphan, deps.now(), audited(deps, [found])):
        deps.note(found)


def _detected(provider: str, orphan: Orphan) -> Fact:
    return Fact(
        operation="orphan_detected",
        provider=provider,
        session_id=orphan.label.session_id,
        instance_id=orphan.instance.id,
        attempt=orphan.label.attempt,
        actor="reconciler",
        reason=orphan.cause.value,
        metrics={"OrphansDetected": 1, "ReconciliationMismatches": 1},
    )


def _destroy(deps: Deps, provider: str, orphan: Orphan) -> None:
    """Terminate, after reading label and session once more: either may have changed since."""
    instance_id = orphan.instance.id
    try:
        instance = deps.provider(provider).find(instance_id)
        label = owned(instance.label, deps.deployment_id) if instance else None
        if label != orphan.label:
            return
        if _is_wanted(deps, label, instance_id):
            store.forget(deps.operations, provider, instance_id)
            return
        end_orphan(deps, provider, instance_id)
    except ProviderError as exc:
        store.note_failed(deps.operations, provider, instance_id, exc.code)
        fact = Fact(
            "orphan_destroy_failed", provider=provider, instance_id=instance_id, reason=exc.code
        )
        deps.note(fact)


def end_orphan(deps: Deps, provider: str, instance_id: str) -> None:
    """Ask for its end, unless its record was forgotten. Raises: ProviderError."""
    if store.note_asked(deps.operations, provider, instance_id, deps.now()):
        deps.provider(provider).terminate(instance_id)


def _is_wanted(deps: Deps, label: Label, instance_id: str) -> bool:
    """True when the label's session, read now, counts this machine as its own after all."""
    try:
        session = session_store.get(deps.sessions, label.session_id)
    except SessionNotFound:
        return False
    return owns(session, label, instance_id)


def _close_if_gone(deps: Deps, provider: str, record: OrphanRecord, listing: Listing) -> None:
    """Proven gone: last seen before this listing, absent from it, and the lookup agrees."""
    last_known = max(record.last_seen_at, record.asked_at or record.last_seen_at)
    if last_known > listing.at or any(one.id == record.instance_id for one in listing.instances):
        return
    try:
        if deps.provider(provider).find(record.instance_id) is not None:
            return
    except ProviderError:
        return
    close_bill(deps, record)
    if listing.labelled(record.label):
        # A machine that shows up under another id would be ours too: not proven yet.
        return
    gone = _destroyed(record)
    if store.close(deps.operations, record, deps.now(), audited(deps, [gone])):
        deps.note(gone)


def _destroyed(record: OrphanRecord) -> Fact:
    return Fact(
        operation="orphan_destroyed",
        provider=record.provider,
        session_id=record.session_id,
        instance_id=record.instance_id,
        attempt=record.attempt,
        actor="reconciler",
        metrics={"OrphansDestroyed": 1},
    )


def _tell_failing(deps: Deps, provider: str, record: OrphanRecord, listing: Listing) -> None:
    """Told once, when an earlier pass asked for the end and this one ends without proof of it."""
    asked_before = record.asked_at is not None and record.asked_at < listing.at
    if not asked_before and record.destroy_tries < PASSES_UNTIL_FAILING:
        return
    if store.note_failing(deps.operations, provider, record.instance_id, deps.now()):
        deps.note(
            Fact(
                "orphan_destroy_failing",
                provider=provider,
                session_id=record.session_id,
                instance_id=record.instance_id,
                attempt=record.attempt,
                metrics={"DestroyFailures": 1},
            )
        )
