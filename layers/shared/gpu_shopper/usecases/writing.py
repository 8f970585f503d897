"""Saving sessions: guarded, and with the instant at which the sweep must look again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gpu_shopper.core.budgets import reserves_anew
from gpu_shopper.core.deadlines import due_at
from gpu_shopper.core.session import Session
from gpu_shopper.errors import Conflict
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.budgets import reserving
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.ledger import accrue
from gpu_shopper.usecases.timers import clear_timer

TRIES = 3

type Decision = tuple[Session, Iterable[Fact]] | None


def save(deps: Deps, before: Session, after: Session, facts: Iterable[Fact] = ()) -> None:
    """Write `after` over `before` with the audit of the facts that this makes true; tell them.

    What has ended is booked to its end at once; the ledger's job books what fails here.

    What it needs that was not reserved before is reserved in the same write.
    Raises: Conflict, BudgetExceeded; then nothing was written and nothing is told.
    """
    told = tuple(facts)
    also = [*(reserving(deps, after) if reserves_anew(before, after) else []), *audited(deps, told)]
    store.save(deps.sessions, before, after, due_at(after, deps.settings), also)
    if not after.is_live:
        clear_timer(deps, after)
    for fact in told:
        deps.note(fact)
    if not after.is_live:
        accrue(deps, after, deps.now())


def change(
    deps: Deps, load: Callable[[], Session], decide: Callable[[Session], Decision]
) -> tuple[Session, bool]:
    """Load, decide, save; start over when somebody else wrote in between.

    Gives the session as it is now, and whether it was changed here. `decide` gives None to leave
    it alone. Raises: Conflict after three lost writes.
    """
    for _ in range(TRIES):
        before = load()
        decision = decide(before)
        if decision is None:
            return before, False
        after, facts = decision
        try:
            save(deps, before, after, facts)
        except Conflict:
            continue
        return after, True
    raise Conflict("lost a concurrent write three times", retry_suggested=True)
