"""Starting the next attempt of a session: with proof that the one before costs nothing any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpu_shopper.core.evidence import Absence
from gpu_shopper.core.labels import Label
from gpu_shopper.core.life import planned_attempt, try_next
from gpu_shopper.core.retrying import (
    NO_OFFER,
    Candidate,
    candidates,
    holds_offer,
    is_retried,
    no_more,
)
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Actor, EndReason
from gpu_shopper.errors import BudgetExceeded, DuplicateSession
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.facts import retried
from gpu_shopper.usecases.inventory import rentable_everywhere
from gpu_shopper.usecases.writing import Decision, change

NO_BUDGET = "the monthly budget allows no further attempt"

type ProofOf = Callable[[Session], Absence | None]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of looking for a next attempt.

    `why_not` tells people why there is none although the caller wanted one.
    """

    started: bool
    why_not: str | None = None


def try_again(
    deps: Deps,
    judged: Session,
    reason: EndReason,
    proof_of: ProofOf,
    *,
    rented: bool,
    found: tuple[Fact, ...] = (),
) -> Tried:
    """Start the attempt after the one in `judged`, at the best offer that can be had.

    `found` is what led to it, told together with the beginning.
    `proof_of` says, of the session as it is at the write, whether nothing of its current attempt
    costs money; with None nothing is started.
    """
    if not is_retried(judged, reason, rented=rented):
        return Tried(started=False)
    why_not = no_more(judged, deps.now(), deps.settings)
    if why_not is not None:
        return Tried(started=False, why_not=why_not)
    for candidate in _candidates(deps, judged):
        try:
            return Tried(_started(deps, judged, candidate, reason, proof_of, found))
        except DuplicateSession:
            continue
        except BudgetExceeded:
            return Tried(started=False, why_not=NO_BUDGET)
    return Tried(started=False, why_not=NO_OFFER)


def _candidates(deps: Deps, session: Session) -> list[Candidate]:
    held = _held(deps, session)
    return candidates(rentable_everywhere(deps), session, held, deps.settings)


def _held(deps: Deps, session: Session) -> frozenset[str]:
    """Offers that are somebody's machine already, or this consumer's in another session."""
    live = store.get_many(deps.sessions, store.live(deps.sessions))
    others = (one for one in live.values() if one.id != session.id)
    return frozenset(
        one.attempt.offer_id for one in others if holds_offer(one, session.consumer_id)
    )


def _started(
    deps: Deps,
    judged: Session,
    candidate: Candidate,
    reason: EndReason,
    proof_of: ProofOf,
    found: tuple[Fact, ...],
) -> bool:
    """True when the session's next attempt is written; its execution is started then.

    Raises: DuplicateSession when the consumer has a session on this offer.
    """

    def decide(session: Session) -> Decision:
        absence = proof_of(session)
        if absence is None:
            return None
        now, actor = deps.now(), Actor.LIFECYCLE
        label = Label(deps.deployment_id, session.id, session.attempt.number + 1)
        price = candidate.price_microusd_per_hour
        planned = planned_attempt(candidate.offer, label, price, now)
        after = try_next(session, planned, actor, now, absence, reason)
        return after, [*found, *retried(session, after, actor)]

    after, started = change(deps, lambda: store.get(deps.sessions, judged.id), decide)
    if started:
        deps.machines.start(Machine.PROVISION, after.id, after.attempt.number, 0)
    return started
