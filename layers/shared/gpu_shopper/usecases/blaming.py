"""Remembering that an attempt failed through its offer's fault."""

from __future__ import annotations

from gpu_shopper.core.failures import BLAMED, Failure, suppression_of
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason
from gpu_shopper.store import failures as store
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.facts import about


def blame(deps: Deps, session: Session, reason: EndReason, error: str | None) -> None:
    """Record one failure of the session's current attempt, and hide the offer when it is due.

    Only attempts that a provider judged count; faults of provider, caller or ours do not. An
    attempt counts once, whoever says again that it failed.
    """
    attempt, failure_type = session.attempt, BLAMED.get(reason)
    if failure_type is None or attempt.called_at is None:
        return
    failure = Failure(
        provider=attempt.provider,
        offer_id=attempt.offer_id,
        gpu_type=attempt.gpu_type,
        type=failure_type,
        at=deps.now(),
        machine_id=attempt.machine_id,
        reason=error,
    )
    table, settings = deps.inventory.table, deps.settings
    keep_s = settings.failure_type_window_s
    memory = store.remember(table, failure, session.id, attempt.number, keep_s)
    if memory is None:
        return
    words = {"GpuType": attempt.gpu_type, "FailureType": failure_type.value}
    deps.note(about(session, "offer_failed", metrics={"OfferFailures": 1}, dimensions=words))
    suppression = suppression_of(memory, failure, settings)
    if suppression is not None:
        hidden = about(session, "offer_suppressed", details={"offer_id": attempt.offer_id})
        store.suppress(table, attempt.provider, suppression, audited(deps, [hidden]))
        deps.note(hidden)
