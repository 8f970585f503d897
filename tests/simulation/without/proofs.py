"""Proofs of absence that prove too little, and teardowns that stop too soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gpu_shopper.core import evidence
from gpu_shopper.core.evidence import Absence, Listing, Proof
from gpu_shopper.core.instances import Health
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.usecases import look, reconcile, teardown
from gpu_shopper.usecases.deps import StepResult


def prove_by_listing(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    listing = look.listed(deps, session.attempt.provider)
    if listing is None or listing.holds(instance_id, session.attempt.label):
        return None
    return Absence(Proof.GONE, listing.at)


def prove_by_lookup(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    try:
        found = deps.provider(session.attempt.provider).find(instance_id)
    except ProviderError:
        return None
    return Absence(Proof.GONE, deps.now()) if found is None else None


def prove_despite_errors(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Any:
    try:
        if deps.provider(session.attempt.provider).find(instance_id) is not None:
            return None
    except ProviderError:
        pass
    return prove_by_listing(deps, session, instance_id, asked_at)


def prove_by_status(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Any:
    try:
        found = deps.provider(session.attempt.provider).find(instance_id)
    except ProviderError:
        return None
    if found is not None and found.health is Health.FAILED:
        return Absence(Proof.GONE, deps.now())
    return _EVIDENCE(deps, session, instance_id, asked_at)


_EVIDENCE = teardown._evidence


def prove_young(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    settings = replace(deps.settings, absence_min_age_s=0)
    return _EVIDENCE(replace(deps, settings=settings), session, instance_id, asked_at)


def first_listing_is_enough(
    label: str, call_ended_at: Any, first: Any, second: Listing, settings: Any
) -> Absence | None:
    if second.labelled(label):
        return None
    least = call_ended_at + timedelta(seconds=settings.never_rented_first_look_s)
    return Absence(Proof.NEVER_RENTED, second.at) if second.at >= least else None


def without_grace(
    label: str, call_ended_at: Any, first: Any, second: Listing, settings: Any
) -> Absence | None:
    return None if second.labelled(label) else Absence(Proof.NEVER_RENTED, second.at)


_LISTED = look.listed


def listed_anyhow(deps: Any, provider: str) -> Listing | None:
    """A listing that failed counts as an empty one."""
    listing = _LISTED(deps, provider)
    return listing if listing is not None else Listing(deps.now(), ())


def ghost_of_one_listing(deps: Any, session: Any, listing: Listing) -> bool:
    try:
        found = deps.provider(session.attempt.provider).find(session.attempt.instance_id)
    except ProviderError:
        return False
    if found is None:
        reconcile._lose(deps, session, Absence(Proof.GONE, listing.at))
    return found is None


_GHOST = evidence.ghost


def ghost_without_lookup(instance_id: str, label: str, **given: Any) -> Absence | None:
    given = given | {"lookup": evidence.Lookup(given["lookup"].at, None)}
    return _GHOST(instance_id, label, **given)


def missing_at_any_age(deps: Any, session: Any, listing: Listing) -> bool:
    return reconcile._missing(deps, session, listing)


_TERMINATE = teardown._terminate


def terminate_once(deps: Any, session: Any, instance_id: str) -> Any:
    """Later rounds only look."""
    if session.teardown_rounds:
        return StepResult("prove", 5)
    return _TERMINATE(deps, session, instance_id)


_ASK = teardown.ask


def give_up(deps: Any, session_id: str, attempt: int) -> Any:
    """After three rounds a session counts as ended."""
    session = teardown._tearing_down(deps, session_id, attempt)
    if session is not None and session.teardown_rounds >= 3:
        return teardown._confirm(deps, session, Absence(Proof.GONE, deps.now()))
    return _ASK(deps, session_id, attempt)
