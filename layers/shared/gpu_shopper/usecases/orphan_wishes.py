"""What operators want of single machines: decided after the provider was asked, and carried out."""

from __future__ import annotations

from gpu_shopper.core.evidence import complete
from gpu_shopper.core.instances import Instance, Launched
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.reconciling import Orphan, compare
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Actor, State
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.store import orphans as store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store.orphans import OrphanStatus
from gpu_shopper.usecases.auditing import tell
from gpu_shopper.usecases.deps import (
    Deps,
    Fact,
    OrphanAct,
    OrphanOutcome,
    OrphanTold,
    OrphanWish,
)
from gpu_shopper.usecases.orphans import end_orphan
from gpu_shopper.usecases.provision import accepted


def carry_out(deps: Deps, wish: OrphanWish) -> OrphanTold:
    """Read the machine's label at the provider, then destroy or adopt it, or say why not."""
    try:
        instance = deps.provider(wish.provider).find(wish.instance_id)
    except ProviderError as exc:
        return OrphanTold(OrphanOutcome.UNAVAILABLE, f"{wish.provider} does not answer: {exc.code}")
    label = owned(instance.label, deps.deployment_id) if instance else None
    if instance is None or label is None:
        return _without_machine(deps, wish, is_there=instance is not None)
    act = _adopt if wish.act is OrphanAct.ADOPT else _destroy
    return act(deps, wish, instance, label)


def _without_machine(deps: Deps, wish: OrphanWish, *, is_there: bool) -> OrphanTold:
    """The provider shows none of ours: what we know of it decides."""
    record = store.find(deps.operations, wish.provider, wish.instance_id)
    if record is None or wish.act is OrphanAct.ADOPT:
        return OrphanTold(OrphanOutcome.NOT_FOUND, "no machine of ours has this id")
    if record.status is OrphanStatus.DESTROYED:
        return OrphanTold(OrphanOutcome.DESTROYED)
    if is_there:
        return OrphanTold(OrphanOutcome.NOT_ALLOWED, "the machine is not ours any more")
    # Not shown is no proof yet: the reconciler closes the record when there is.
    return OrphanTold(OrphanOutcome.DESTROYING)


def _destroy(deps: Deps, wish: OrphanWish, instance: Instance, label: Label) -> OrphanTold:
    orphan = _as_orphan(deps, instance, label)
    if orphan is None:
        return OrphanTold(OrphanOutcome.NOT_ALLOWED, "it belongs to a live session: end that")
    now, provider = deps.now(), wish.provider
    store.see(deps.operations, provider, orphan, now)
    if store.request_end(deps.operations, provider, instance.id, now):
        tell(deps, _fact(wish, label, "orphan_destroy_requested"))
    try:
        end_orphan(deps, provider, instance.id)
    except ProviderError as exc:
        # The reconciler goes on with it every minute.
        store.note_failed(deps.operations, provider, instance.id, exc.code)
    return OrphanTold(OrphanOutcome.DESTROYING)


def _as_orphan(deps: Deps, instance: Instance, label: Label) -> Orphan | None:
    """The machine as the reconciler would judge it now; None when a live session has it."""
    listing = complete(deps.now(), [instance])
    session = _session(deps, label)
    sessions = {session.id: session} if session else {}
    found = compare(listing, sessions, instance.provider, deps.deployment_id)
    return next(iter(found.orphans), None)


def _adopt(deps: Deps, wish: OrphanWish, instance: Instance, label: Label) -> OrphanTold:
    session = _session(deps, label)
    if session is None or not _lacks_a_machine(session, label):
        text = "its label names no attempt that is waiting for a machine"
        return OrphanTold(OrphanOutcome.NOT_ALLOWED, text)
    launched = Launched(
        instance_id=instance.id, price_microusd_per_hour=instance.price_microusd_per_hour
    )
    if not accepted(deps, session, launched, "instance_adopted", Actor.RECONCILER):
        return OrphanTold(OrphanOutcome.NOT_ALLOWED, "its attempt has just got a machine")
    store.close_adopted(deps.operations, wish.provider, instance.id, deps.now())
    tell(deps, _fact(wish, label, "orphan_adopted"))
    return OrphanTold(OrphanOutcome.ADOPTED, session_id=label.session_id, attempt=label.attempt)


def _lacks_a_machine(session: Session, label: Label) -> bool:
    attempt = session.attempt
    waits = session.state in (State.PENDING, State.PROVISIONING) and not attempt.has_failed
    return waits and attempt.number == label.attempt and attempt.instance_id is None


def _session(deps: Deps, label: Label) -> Session | None:
    try:
        return session_store.get(deps.sessions, label.session_id)
    except SessionNotFound:
        return None


def _fact(wish: OrphanWish, label: Label, operation: str) -> Fact:
    return Fact(
        operation,
        provider=wish.provider,
        session_id=label.session_id,
        instance_id=wish.instance_id,
        attempt=label.attempt,
        actor=Actor.API.value,
        key_id=wish.key_id,
        reason=wish.reason,
    )
