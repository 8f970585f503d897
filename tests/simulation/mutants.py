"""The product without one of its safety rules; each such mutant must be caught by some seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from functions.provision_step.app import STEPS as PROVISION_STEPS
from functions.teardown_step.app import STEPS as TEARDOWN_STEPS
from gpu_shopper.core import deadlines, evidence, reconciling
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason, Event
from gpu_shopper.errors import LaunchUncertain
from gpu_shopper.store import operations
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import (
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
from tests.simulation import functions, without

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
        (reconciling, "owned", without.anybodys),
        (orphans, "owned", without.anybodys),
        (reconcile, "owned", without.anybodys),
    ),
    _of("an end needs the lookup too", (teardown, "_evidence", without.prove_by_listing)),
    _of("an end needs a complete listing too", (teardown, "_evidence", without.prove_by_lookup)),
    _of(
        "evidence of a young machine's end does not count",
        (teardown, "_evidence", without.prove_young),
    ),
    _of("stopping is left by evidence only", (TEARDOWN_STEPS, "ask", without.give_up)),
    _of(
        "terminate is repeated until the end is proven",
        (teardown, "_terminate", without.terminate_once),
    ),
    _of(
        "never rented needs a second listing",
        (evidence, "never_rented", without.first_listing_is_enough),
    ),
    _of(
        "listings soon after a launch do not count",
        (evidence, "never_rented", without.without_grace),
    ),
    _of(
        "an unclear launch is not a refused one",
        (evidence, "refused", without.refused_anyway),
        (provision._REASONS, LaunchUncertain, EndReason.PROVIDER_UNAVAILABLE),
    ),
    _of("an error is not absence", (teardown, "_evidence", without.prove_despite_errors)),
    _of("a stopped machine is not a gone one", (teardown, "_evidence", without.prove_by_status)),
    _of("a launch is never sent twice", (PROVISION_STEPS, "launch", without.launch_again)),
    _of(
        "the next attempt waits for the end of the machine before it",
        (look, "fail_attempt", without.try_at_once),
        (verify, "fail_attempt", without.try_at_once),
        (provision, "fail_attempt", without.try_at_once),
    ),
    _of("attempts are counted", (retrying, "no_more", without.nothing)),
    _of(
        "every write names the version it derives from", (store, "save", without.save_over_anything)
    ),
    _of(
        "one live session for a consumer and an offer",
        (store, "create", without.create_over_anything),
    ),
    _of("a live session has its next due instant", (writing, "due_at", without.nothing)),
    _of(
        "a dead execution is started again",
        (deadlines, "_agenda", without.agenda_without(deadlines.Restart)),
    ),
    _of(
        "the hard max ends a session",
        (deadlines, "_agenda", without.agenda_without(deadlines.End, Event.HARD_MAX)),
    ),
    _of(
        "an expired session is ended",
        (deadlines, "_agenda", without.agenda_without(deadlines.End, Event.EXPIRE)),
    ),
    _of(
        "a drain has its end",
        (deadlines, "_agenda", without.agenda_without(deadlines.EndDrain)),
    ),
    _of(
        "a draining machine is left alone",
        (Session, "is_tearing_down", property(without.is_tearing_down_or_drains)),
    ),
    _of("extensions stop at the hard max", (sessions, "extend", without.extend_for_ever)),
    _of(
        "a listing that failed is not an empty one",
        (look, "listed", without.listed_anyhow),
        (teardown, "listed", without.listed_anyhow),
    ),
    _of("a failed listing makes no ghosts", (functions, "reconcile", without.reconcile_hastily)),
    _of(
        "a ghost is missing from two listings",
        (reconcile, "_missing", without.ghost_of_one_listing),
    ),
    _of("a ghost is looked up", (evidence, "ghost", without.ghost_without_lookup)),
    _of("a young session is no ghost", (reconcile, "_check_missing", without.missing_at_any_age)),
    _of("a failed listing breaks the row", (operations, "note_failed_listing", without.nothing)),
    _of("orphans are destroyed", (reconcile, "cure_orphans", without.nothing)),
    _of("one pass destroys a few orphans only", (orphans, "orphan_limit", lambda *_: 10**6)),
    _of(
        "an orphan's session is read again before it is destroyed",
        (orphans, "_is_wanted", without.no),
    ),
    _of(
        "the reconciler lists machines before it reads sessions, or reads them again",
        (functions, "reconcile", without.reconcile_reading_first),
        (reconcile, "_sessions", without.sessions_read_first),
        (orphans, "_is_wanted", without.no),
    ),
    _of("the reconciler adopts unclaimed machines", (reconcile, "_adopt", without.no)),
    _of(
        "unclaimed machines are adopted",
        (look, "accepted", without.accepted_unless_adopted),
        (teardown, "accepted", without.accepted_unless_adopted),
        (reconcile, "accepted", without.accepted_unless_adopted),
    ),
)
