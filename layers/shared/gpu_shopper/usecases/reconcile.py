"""The reconcile sweep: compare what we believe with what one provider shows, then cure it.

Machines are listed first and sessions read after, so a session can only look younger than it is.
An incomplete listing concludes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gpu_shopper.core import evidence
from gpu_shopper.core.costs import with_price
from gpu_shopper.core.evidence import Listing, Lookup
from gpu_shopper.core.instances import Health, Instance, Launched
from gpu_shopper.core.labels import owned
from gpu_shopper.core.life import apply, conclude, evolve, evolve_attempt
from gpu_shopper.core.reconciling import Findings, compare
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.errors import Conflict
from gpu_shopper.errors.provider import ProviderAuth, ProviderError
from gpu_shopper.store import operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import told
from gpu_shopper.usecases.balances import watch_balance
from gpu_shopper.usecases.blaming import blame
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.facts import about, began_to_end, ended, gave_up
from gpu_shopper.usecases.measuring import timed
from gpu_shopper.usecases.orphans import cure_orphans
from gpu_shopper.usecases.provision import accepted
from gpu_shopper.usecases.retrying import try_again
from gpu_shopper.usecases.writing import save

SWEEP = "reconcile"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one pass over one provider found; `complete` False concluded nothing."""

    complete: bool
    ours: int = 0
    orphans: int = 0
    ghosts: int = 0
    adopted: int = 0


def reconcile(deps: Deps, provider: str) -> Reconciled:
    """One pass over one provider.

    One that is not enabled any more is looked after until its last session has ended.
    """
    if provider not in deps.enabled_providers and not _still_rents(deps, provider):
        return Reconciled(complete=False)
    with timed(deps, SWEEP, provider):
        return _pass(deps, provider)


def _pass(deps: Deps, provider: str) -> Reconciled:
    asked_at = deps.now()
    try:
        instances = deps.provider(provider).list_instances()
    except ProviderError as exc:
        return _not_complete(deps, provider, exc)
    operations.mark_credentials(deps.operations, provider, None)
    listing = evidence.complete(asked_at, instances)
    sessions = _sessions(deps, listing)
    findings = compare(listing, sessions, provider, deps.deployment_id)
    adopted = sum(_each(deps, _adopt, findings.unclaimed))
    stored = _each(deps, _check_matched, findings.matched)
    ghosts = sum(_each(deps, _check_missing, [(one, listing) for one in findings.missing]))
    _note_row(deps, provider, listing, zip(findings.matched, stored, strict=True))
    cure_orphans(deps, provider, findings, listing)
    reconciled = _completed(deps, provider, findings, ghosts, adopted)
    watch_balance(deps, provider)
    return reconciled


def _still_rents(deps: Deps, provider: str) -> bool:
    sessions = store.get_many(deps.sessions, store.live(deps.sessions))
    return any(one.is_live and one.attempt.provider == provider for one in sessions.values())


def _not_complete(deps: Deps, provider: str, error: ProviderError) -> Reconciled:
    """Nothing is concluded, and what was missing before says nothing any more."""
    operations.note_failed_listing(deps.operations, provider)
    if isinstance(error, ProviderAuth):
        operations.mark_credentials(deps.operations, provider, error.message)
    deps.note(Fact("listing_failed", provider=provider, reason=error.code))
    return Reconciled(complete=False)


def _sessions(deps: Deps, listing: Listing) -> dict[str, Session]:
    """Every live session, and every one that a label of ours names, strongly consistent."""
    labels = (owned(one.label, deps.deployment_id) for one in listing.instances)
    named = [label.session_id for label in labels if label is not None]
    return store.get_many(deps.sessions, [*store.live(deps.sessions), *named])


def _adopt(deps: Deps, session: Session, instance: Instance) -> bool:
    """Store the id of a machine whose session has not learnt it; also while stopping."""
    launched = Launched(
        instance_id=instance.id, price_microusd_per_hour=instance.price_microusd_per_hour
    )
    return accepted(deps, session, launched, "instance_adopted", Actor.RECONCILER)


def _each[T](
    deps: Deps, act: Callable[[Deps, Session, T], bool], pairs: Iterable[tuple[Session, T]]
) -> list[bool]:
    """Handle sessions one by one; one failure does not keep the pass from the others."""
    return [_one(deps, act, session, thing) for session, thing in pairs]


def _one[T](
    deps: Deps, act: Callable[[Deps, Session, T], bool], session: Session, thing: T
) -> bool:
    try:
        with deps.concerning(session_id=session.id, attempt=session.attempt.number):
            return act(deps, session, thing)
    except Conflict:
        # Somebody else saw more: the next pass looks again.
        return False
    except Exception as exc:  # noqa: BLE001  (one bad item must not keep orphans alive)
        deps.note(Fact("sweep_item_failed", session_id=session.id, reason=type(exc).__name__))
        return False


def _check_matched(deps: Deps, session: Session, instance: Instance) -> bool:
    """Store what changed; a running session's machine may fail for ten minutes."""
    now, attempt = deps.now(), session.attempt
    running = session.state is State.RUNNING
    failed = instance.health is Health.FAILED and running
    since = (attempt.failed_since or now) if failed else None
    limit = timedelta(seconds=deps.settings.instance_failed_for_s)
    if since is not None and now - since >= limit:
        _instance_died(deps, session)
        return True
    fresh = replace(attempt, failed_since=since, missing_since=None)
    if running or session.drains:
        fresh = _moved(fresh, instance, now)
    if fresh == attempt:
        return False
    save(deps, session, evolve(session, now, attempts=(*session.attempts[:-1], fresh)))
    return True


def _moved(attempt: Attempt, instance: Instance, now: datetime) -> Attempt:
    """`attempt` with the machine's address and price as they are now."""
    return replace(
        with_price(attempt, instance.price_microusd_per_hour, now),
        ssh=instance.ssh or attempt.ssh,
        port_map=instance.port_map or attempt.port_map,
    )


def _instance_died(deps: Deps, session: Session) -> None:
    event, actor = Event.INSTANCE_DIED, Actor.RECONCILER
    error = "the instance stopped at the provider"
    after = apply(session, event, actor, deps.now(), error=error)
    save(deps, session, after, [began_to_end(session, after, event, actor)])
    deps.machines.start(Machine.TEARDOWN, after.id, after.attempt.number, 0)
    blame(deps, after, EndReason.INSTANCE_STOPPED, error)


def _check_missing(deps: Deps, session: Session, listing: Listing) -> bool:
    """A session whose machine the listing lacks: a ghost once that is proven. True if so."""
    age_from = session.attempt.launched_at or session.created_at
    old_enough = timedelta(seconds=deps.settings.ghost_min_age_s)
    if deps.now() - max(age_from, session.created_at) < old_enough:
        return False
    return _missing(deps, session, listing)


def _note_row(
    deps: Deps,
    provider: str,
    listing: Listing,
    matched: Iterable[tuple[tuple[Session, Instance], bool]],
) -> None:
    """Count the listing in its row, now that what it showed is written: a pass that dies has not.

    A machine that was missing and is there again, but could not be written so, breaks the row.
    """
    if any(one.attempt.missing_since and not stored for (one, _), stored in matched):
        operations.note_failed_listing(deps.operations, provider)
        return
    operations.note_complete_listing(deps.operations, provider, listing.at, evidence.ROW_MOST_APART)


def _missing(deps: Deps, session: Session, listing: Listing) -> bool:
    attempt = session.attempt
    oldest = listing.at - evidence.ROW_MOST_APART
    since = operations.listings_complete_since(deps.operations, attempt.provider, oldest)
    missing_since = attempt.missing_since
    if missing_since is None or since is None or missing_since < since:
        save(deps, session, evolve_attempt(session, deps.now(), missing_since=listing.at))
        return False
    looked_at = deps.now()
    try:
        instance = deps.provider(attempt.provider).find(attempt.instance_id or "")
    except ProviderError:
        return False
    absence = evidence.ghost(
        attempt.instance_id or "",
        attempt.label,
        missing_since=missing_since,
        lookup=Lookup(looked_at, instance),
        listing=listing,
        settings=deps.settings,
    )
    if absence is None:
        return False
    _lose(deps, session, absence)
    return True


def _lose(deps: Deps, session: Session, absence: evidence.Absence) -> None:
    """The machine is gone without our asking: the session goes on with another, or ends."""
    actor, reason, error = (
        Actor.RECONCILER,
        EndReason.GHOST,
        "the instance vanished at the provider",
    )
    counts = {"GhostsDetected": 1.0, "ReconciliationMismatches": 1.0}
    found = about(session, "ghost_detected", actor=actor.value, metrics=counts)
    fixed = about(session, "ghost_fixed", actor=actor.value)
    blame(deps, session, reason, error)

    def proof_of(current: Session) -> evidence.Absence | None:
        return absence if current.version == session.version else None

    tried = try_again(deps, session, reason, proof_of, rented=True, found=(found, fixed))
    if tried.started:
        return
    event, text = Event.LOSE_INSTANCE, told(error, tried.why_not)
    after = conclude(session, event, actor, deps.now(), absence, reason=reason, error=text)
    facts = [found, fixed, *gave_up(after, tried.why_not), *ended(session, after, event, actor)]
    save(deps, session, after, facts)


def _completed(
    deps: Deps, provider: str, findings: Findings, ghosts: int, adopted: int
) -> Reconciled:
    operations.mark_sweep(deps.operations, f"{SWEEP}#{provider}", deps.now(), deps.release)
    fact = Fact(
        "sweep_completed",
        provider=provider,
        metrics={"SweepCompleted": 1},
        dimensions={"Sweep": SWEEP},
    )
    deps.note(fact)
    return Reconciled(True, findings.ours, len(findings.orphans), ghosts, adopted)
