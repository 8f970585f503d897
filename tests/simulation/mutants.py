"""The product without one of its safety rules; each such mutant must be caught by some seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from functions.provision_step.app import STEPS as PROVISION_STEPS
from functions.teardown_step.app import STEPS as TEARDOWN_STEPS
from functions.verify_ssh.app import STEPS as VERIFY_STEPS
from gpu_shopper.core import deadlines, evidence, reconciling
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason, Event
from gpu_shopper.errors.provider import LaunchUncertain
from gpu_shopper.store import budgets, costs, operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import (
    attempts,
    expire,
    extending,
    ledger,
    look,
    orphans,
    provision,
    reconcile,
    retrying,
    sessions,
    teardown,
    verify,
    writing,
)
from tests.simulation import functions
from tests.simulation.without import attempts as hasty
from tests.simulation.without import no, nothing, proofs, sweeps, writes

type Patch = tuple[Any, Any, Any]
"""A module and a name in it, or a dict and a key; and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule, and what the product is without it."""

    rule: str
    patches: tuple[Patch, ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The product is so meanwhile."""
        with ExitStack() as stack:
            for target, name, replacement in self.patches:
                is_table = isinstance(target, dict)
                change = patch.dict(target, {name: replacement}) if is_table else None
                stack.enter_context(change or patch.object(target, name, replacement))
            yield


def _of(rule: str, *patches: Patch) -> Mutant:
    return Mutant(rule, patches)


MUTANTS: tuple[Mutant, ...] = (
    _of(
        "only machines with our own label are ours",
        (reconciling, "owned", sweeps.anybodys),
        (orphans, "owned", sweeps.anybodys),
        (reconcile, "owned", sweeps.anybodys),
    ),
    _of("an end needs the lookup too", (teardown, "_evidence", proofs.prove_by_listing)),
    _of("an end needs a complete listing too", (teardown, "_evidence", proofs.prove_by_lookup)),
    _of(
        "evidence of a young machine's end does not count",
        (teardown, "_evidence", proofs.prove_young),
    ),
    _of("stopping is left by evidence only", (TEARDOWN_STEPS, "ask", proofs.give_up)),
    _of(
        "terminate is repeated until the end is proven",
        (teardown, "_terminate", proofs.terminate_once),
    ),
    _of(
        "never rented needs a second listing",
        (evidence, "never_rented", proofs.first_listing_is_enough),
    ),
    _of(
        "listings soon after a launch do not count",
        (evidence, "never_rented", proofs.without_grace),
    ),
    _of(
        "an unclear launch is not a refused one",
        (evidence, "refused", hasty.refused_anyway),
        (provision._REASONS, LaunchUncertain, EndReason.PROVIDER_UNAVAILABLE),
    ),
    _of("an error is not absence", (teardown, "_evidence", proofs.prove_despite_errors)),
    _of("a stopped machine is not a gone one", (teardown, "_evidence", proofs.prove_by_status)),
    _of("a launch is never sent twice", (PROVISION_STEPS, "launch", hasty.launch_again)),
    _of(
        "the next attempt waits for the end of the machine before it",
        (look, "fail_attempt", hasty.try_at_once),
        (verify, "fail_attempt", hasty.try_at_once),
        (provision, "fail_attempt", hasty.try_at_once),
    ),
    _of("attempts are counted", (retrying, "no_more", nothing)),
    _of(
        "every write names the version it derives from",
        (store, "save", writes.save_over_anything),
    ),
    _of(
        "one live session for a consumer and an offer",
        (store, "create", writes.create_over_anything),
    ),
    _of("a live session has its next due instant", (writing, "due_at", nothing)),
    _of("a transition is told where it is written", (writing, "audited", lambda *_: [])),
    _of(
        "a dead execution is started again",
        (deadlines, "_agenda", sweeps.agenda_without(deadlines.Restart)),
    ),
    _of(
        "the hard max ends a session",
        (deadlines, "_agenda", sweeps.agenda_without(deadlines.End, Event.HARD_MAX)),
    ),
    _of(
        "an expired session is ended",
        (deadlines, "_agenda", sweeps.agenda_without(deadlines.End, Event.EXPIRE)),
    ),
    _of(
        "a drain has its end",
        (deadlines, "_agenda", sweeps.agenda_without(deadlines.EndDrain)),
    ),
    _of(
        "a draining machine is left alone",
        (Session, "is_tearing_down", property(sweeps.is_tearing_down_or_drains)),
    ),
    _of(
        "a request that is sent again makes no second session",
        (sessions, "first_of", lambda _deps, _request: None),
    ),
    _of("extensions stop at the hard max", (extending, "extend", writes.extend_for_ever)),
    _of(
        "a listing that failed is not an empty one",
        (look, "listed", proofs.listed_anyhow),
        (teardown, "listed", proofs.listed_anyhow),
    ),
    _of("a failed listing makes no ghosts", (functions, "reconcile", sweeps.reconcile_hastily)),
    _of(
        "a ghost is missing from two listings",
        (reconcile, "_missing", proofs.ghost_of_one_listing),
    ),
    _of("a ghost is looked up", (evidence, "ghost", proofs.ghost_without_lookup)),
    _of("a young session is no ghost", (reconcile, "_check_missing", proofs.missing_at_any_age)),
    _of(
        "a failed listing breaks the row",
        (operations, "note_failed_listing", nothing),
        (evidence, "ROW_MOST_APART", timedelta(days=1)),
    ),
    _of("orphans are destroyed", (reconcile, "cure_orphans", nothing)),
    _of("one pass destroys a few orphans only", (orphans, "orphan_limit", lambda *_: 10**6)),
    _of(
        "an orphan's session is read again before it is destroyed",
        (orphans, "_is_wanted", no),
    ),
    _of(
        "the reconciler lists machines before it reads sessions, or reads them again",
        (functions, "reconcile", sweeps.reconcile_reading_first),
        (reconcile, "_sessions", sweeps.sessions_read_first),
        (orphans, "_is_wanted", no),
    ),
    _of("the reconciler adopts unclaimed machines", (reconcile, "_adopt", no)),
    _of(
        "unclaimed machines are adopted",
        (look, "accepted", hasty.accepted_unless_adopted),
        (teardown, "accepted", hasty.accepted_unless_adopted),
        (reconcile, "accepted", hasty.accepted_unless_adopted),
    ),
    _of(
        "a launch is written down before it is sent",
        (PROVISION_STEPS, "launch", hasty.launch_before_writing),
    ),
    _of(
        "a step of an attempt that has failed does nothing",
        *(
            (one, "is_current", hasty.is_current_whatever_failed)
            for one in (provision, look, verify, attempts)
        ),
    ),
    _of(
        "no attempt costs more than its caller, or its scope, allows",
        (provision, "check_price", nothing),
    ),
    _of(
        "an offer that has become dearer than accepted is not rented",
        (provision, "is_dearer_than_accepted", no),
    ),
    _of(
        "a machine that is dearer than accepted is given up",
        (look, "is_dearer_than_accepted", no),
    ),
    _of(
        "a machine is logged in to only with the host key that is pinned",
        (VERIFY_STEPS, "verify", hasty.verify_any_machine),
    ),
    _of("an end that was not booked is found by the job", (store, "unsettled", sweeps.nobody)),
    _of(
        "what is booked is never booked again from an older session",
        (ledger, "_is_newer", no),
    ),
    _of(
        "an orphan costs the session of its label",
        (orphans, "bill_orphan", nothing),
        (orphans, "close_bill", nothing),
    ),
    _of(
        "nothing is reserved beyond an enforced budget",
        (budgets, "_limit_allows", writes.limit_unchanged),
    ),
    _of(
        "a reservation knows the limit as it is",
        (budgets, "_limit_allows", writes.enough_as_read),
    ),
    _of("a spent budget ends its sessions", (expire, "_over_budget", lambda _deps: [])),
    _of(
        "a booking follows the one that it was made from",
        (costs, "noting", writes.note_over_anything),
    ),
)
