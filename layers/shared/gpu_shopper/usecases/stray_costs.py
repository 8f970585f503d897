"""What orphans cost: it belongs to the session whose label the machine carries."""

from __future__ import annotations

from datetime import datetime

from gpu_shopper.core.costs import stray_of
from gpu_shopper.core.instances import Health, Instance
from gpu_shopper.core.reconciling import Orphan, owns
from gpu_shopper.core.session import Session
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import costs
from gpu_shopper.store import sessions as store
from gpu_shopper.store.orphans import OrphanRecord
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.ledger import accrue


def bill_orphan(deps: Deps, orphan: Orphan) -> None:
    """The machine costs until its end is proven; nothing, when no session is known to pay.

    One that its session counts as its own by now is billed as its attempt, and not once more.
    """
    session = _session(deps, orphan.label.session_id)
    if session is None or owns(session, orphan.label, orphan.instance.id):
        return
    stray = stray_of(session, orphan.label.attempt, orphan.instance, deps.now())
    costs.see_stray(deps.costs, session.id, stray)
    if not session.is_live:
        store.unsettle(deps.sessions, session)


def close_bill(deps: Deps, record: OrphanRecord) -> None:
    """The end of the machine is proven: it costs no more, and the session is booked."""
    session = _session(deps, record.session_id)
    if session is None:
        return
    now = deps.now()
    if not _ended(deps, session, record, now):
        return
    if not session.is_live:
        # What cannot be booked now is booked by the next run of the job.
        store.unsettle(deps.sessions, session)
    accrue(deps, session, now)


def _ended(deps: Deps, session: Session, record: OrphanRecord, at: datetime) -> bool:
    """End the bill; one that whoever had the machine ended did not live to begin is begun first."""

    def end() -> bool:
        return costs.end_stray(
            deps.costs,
            session.id,
            record.provider,
            record.instance_id,
            at,
            seen_at=record.last_seen_at,
        )

    if end():
        return True
    if not _was_stray(session, record):
        return False
    stray = stray_of(session, record.attempt, _as_seen(record), record.first_seen_at)
    costs.see_stray(deps.costs, session.id, stray)
    return end()


def _was_stray(session: Session, record: OrphanRecord) -> bool:
    """Whether it was seen, or asked to end, while no attempt of the session paid for it."""
    own = (one for one in session.attempts if one.instance_id == record.instance_id)
    return all(one.ended_at is not None and one.ended_at < record.last_seen_at for one in own)


def _as_seen(record: OrphanRecord) -> Instance:
    return Instance(
        id=record.instance_id,
        provider=record.provider,
        label=record.label,
        health=Health.UNKNOWN,
        status="",
        price_microusd_per_hour=record.price_microusd_per_hour,
        gpu_type=record.gpu_type,
    )


def _session(deps: Deps, session_id: str) -> Session | None:
    try:
        return store.get(deps.sessions, session_id)
    except SessionNotFound:
        return None
