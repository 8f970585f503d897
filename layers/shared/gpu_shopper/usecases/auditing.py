"""Facts become audit events: in the transaction of the write that made them true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from gpu_shopper.core.audit import OPERATIONS, AuditEvent
from gpu_shopper.store import audit as store
from gpu_shopper.store.transactions import Put
from gpu_shopper.usecases.deps import Deps, Fact

_STORED = frozenset(OPERATIONS)


def audited(deps: Deps, facts: Iterable[Fact]) -> list[Put]:
    """What must be written together with the change that makes `facts` true."""
    keep = timedelta(days=deps.settings.audit_keep_days)
    stored = (fact for fact in facts if fact.operation in _STORED)
    return [
        store.put(deps.audit, _event(deps, fact), number, keep)
        for number, fact in enumerate(stored)
    ]


def tell(deps: Deps, *facts: Fact) -> None:
    """Store and tell facts of which nothing else is written."""
    store.append(deps.audit, audited(deps, facts))
    for fact in facts:
        deps.note(fact)


def _event(deps: Deps, fact: Fact) -> AuditEvent:
    return AuditEvent(
        id=deps.new_id(),
        at=deps.now(),
        operation=fact.operation,
        origin=deps.origin(),
        session_id=fact.session_id,
        consumer_id=fact.consumer_id,
        provider=fact.provider,
        instance_id=fact.instance_id,
        attempt=fact.attempt,
        reason=fact.reason,
        details=fact.details,
    )
