"""Orphans: machines of ours that no live attempt owns. Destroyed, then proven gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gpu_shopper.core.evidence import Listing
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.reconciling import Findings, Orphan, orphan_limit
from gpu_shopper.core.session import Session
from gpu_shopper.errors import ProviderError, SessionNotFound
from gpu_shopper.store import operations
from gpu_shopper.store import sessions as store
from gpu_shopper.store.operations import OrphanRecord
from gpu_shopper.usecases.deps import Deps, Fact

PASSES_UNTIL_FAILING = 2
"""A pass asks once for the end of an orphan; the next one must see it gone."""


def cure_orphans(deps: Deps, provider: str, findings: Findings, listing: Listing) -> None:
    """Ask for the end of this pass's orphans, and close the records of those proven gone.

    Each is handled by itself: one that cannot be handled keeps no other alive.
    """
    limit = orphan_limit(findings.ours, deps.settings)
    oldest_first = sorted(findings.orphans, key=lambda one: (len(one.instance.id), one.instance.id))
    for number, orphan in enumerate(oldest_first):
        with _apart(deps, provider, orphan.instance.id):
            _see(deps, provider, orphan)
            if number < limit:
                _destroy(deps, provider, orphan)
    held_back = len(oldest_first) - limit
    if held_back > 0:
        metrics = {"OrphansHeldBack": float(held_back)}
        deps.note(Fact("orphans_held_back", provider=provider, metrics=metrics))
    for record in list(operations.open_orphans(deps.operations, provider)):
        with _apart(deps, provider, record.instance_id):
            _close_if_gone(deps, provider, record, listing)
            _tell_failing(deps, provider, record, listing)


@contextmanager
def _apart(deps: Deps, provider: str, instance_id: str) -> Iterator[None]:
    """Whatever goes wrong with this machine is told, and the pass goes on to the next."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001  (one bad record must not keep other orphans alive)
        reason = type(exc).__name__
        fact = Fact("sweep_item_failed", provider=provider, instance_id=instance_id, reason=reason)
        deps.note(fact)


def _see(deps: Deps, provider: str, orphan: Orphan) -> None:
    if operations.see_orphan(deps.operations, provider, orphan, deps.now()):
        deps.note(_detected(provider, orphan))


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
            operations.forget_orphan(deps.operations, provider, instance_id)
            return
        operations.note_orphan_asked(deps.operations, provider, instance_id, deps.now())
        deps.provider(provider).terminate(instance_id)
    except ProviderError as exc:
        fact = Fact(
            "orphan_destroy_failed", provider=provider, instance_id=instance_id, reason=exc.code
        )
        deps.note(fact)


def _is_wanted(deps: Deps, label: Label, instance_id: str) -> bool:
    """True when the label's session, read now, counts this machine as its own after all."""
    try:
        session = store.get(deps.sessions, label.session_id)
    except SessionNotFound:
        return False
    return _owns(session, label, instance_id)


def _owns(session: Session, label: Label, instance_id: str) -> bool:
    if not session.is_live or session.attempt.number != label.attempt:
        return False
    return session.attempt.instance_id in (None, instance_id)


def _close_if_gone(deps: Deps, provider: str, record: OrphanRecord, listing: Listing) -> None:
    """Proven gone: last seen before this listing, absent from it, and the lookup agrees."""
    last_known = max(record.last_seen_at, record.asked_at or record.last_seen_at)
    if last_known > listing.at or listing.holds(record.instance_id, record.label):
        return
    try:
        if deps.provider(provider).find(record.instance_id) is not None:
            return
    except ProviderError:
        return
    if operations.close_orphan(deps.operations, provider, record.instance_id, deps.now()):
        deps.note(
            Fact(
                operation="orphan_destroyed",
                provider=provider,
                session_id=record.session_id,
                instance_id=record.instance_id,
                attempt=record.attempt,
                actor="reconciler",
                metrics={"OrphansDestroyed": 1},
            )
        )


def _tell_failing(deps: Deps, provider: str, record: OrphanRecord, listing: Listing) -> None:
    """Told once, when an earlier pass asked for the end and this one ends without proof of it."""
    asked_before = record.asked_at is not None and record.asked_at < listing.at
    if not asked_before and record.destroy_tries < PASSES_UNTIL_FAILING:
        return
    if operations.note_orphan_failing(deps.operations, provider, record.instance_id, deps.now()):
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
