"""Comparing what we believe with what a provider shows: one finding per machine or session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gpu_shopper.core.evidence import Listing
from gpu_shopper.core.instances import Instance
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State


class Cause(StrEnum):
    """Why a machine of ours belongs to no live attempt."""

    SESSION_ENDED = "session_ended"
    ATTEMPT_REPLACED = "attempt_replaced"
    SESSION_UNKNOWN = "session_unknown"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A machine of ours that no live attempt owns."""

    instance: Instance
    label: Label
    cause: Cause


@dataclass(frozen=True, slots=True)
class Findings:
    """All that one complete listing says about one provider."""

    matched: tuple[tuple[Session, Instance], ...]
    unclaimed: tuple[tuple[Session, Instance], ...]
    orphans: tuple[Orphan, ...]
    missing: tuple[Session, ...]
    ours: int


def compare(
    listing: Listing, sessions: Mapping[str, Session], provider: str, deployment_id: str
) -> Findings:
    """Sort every machine of ours, and every session that should have one here.

    `sessions` holds every live session of this provider and every session that a label names,
    read after the listing was made.
    """
    ours = _ours(listing.instances, deployment_id)
    matched: list[tuple[Session, Instance]] = []
    unclaimed: list[tuple[Session, Instance]] = []
    orphans: list[Orphan] = []
    for label, machines in ours.items():
        session = sessions.get(label.session_id)
        if _ended_meanwhile(session, label, listing):
            continue
        cause = _orphan_cause(session, label)
        if cause is not None or session is None:
            why = cause or Cause.SESSION_UNKNOWN
            orphans += [Orphan(one, label, why) for one in machines]
            continue
        keeper = _keeper(session, machines)
        if keeper is not None:
            pairs = unclaimed if session.attempt.instance_id is None else matched
            pairs.append((session, keeper))
        orphans += [
            Orphan(one, label, Cause.ATTEMPT_REPLACED) for one in machines if one is not keeper
        ]
    return Findings(
        tuple(matched),
        tuple(unclaimed),
        tuple(orphans),
        tuple(_missing(sessions.values(), listing, provider)),
        sum(len(machines) for machines in ours.values()),
    )


def owns(session: Session, label: Label, instance_id: str) -> bool:
    """True when the session, as it is now, counts this machine with its label as its own.

    While it does not know its machine's id it may turn out to be any with the label.
    """
    if not session.is_live or session.attempt.number != label.attempt:
        return False
    return session.attempt.instance_id in (None, instance_id)


def orphan_limit(ours: int, settings: Settings) -> int:
    """How many orphans one pass may destroy: max(5, 20 % of our listed machines, rounded up)."""
    share = math.ceil(ours * settings.orphans_per_pass_percent / 100)
    return max(settings.orphans_per_pass_min, share)


def _ours(instances: Iterable[Instance], deployment_id: str) -> dict[Label, list[Instance]]:
    ours: dict[Label, list[Instance]] = {}
    for one in instances:
        label = owned(one.label, deployment_id)
        if label is not None:
            ours.setdefault(label, []).append(one)
    return ours


def _orphan_cause(session: Session | None, label: Label) -> Cause | None:
    if session is None:
        return Cause.SESSION_UNKNOWN
    if not session.is_live:
        return Cause.SESSION_ENDED
    if session.attempt.number != label.attempt:
        return Cause.ATTEMPT_REPLACED
    return None


def _ended_meanwhile(session: Session | None, label: Label, listing: Listing) -> bool:
    """True when the label's machine was proven gone after this listing was asked for."""
    attempts = session.attempts if session else ()
    ends = (one.ended_at for one in attempts if one.number == label.attempt)
    return any(at is not None and at > listing.at for at in ends)


def _keeper(session: Session, machines: list[Instance]) -> Instance | None:
    """Of the machines with one label the stored one stays; while none is stored, the lowest id."""
    stored = session.attempt.instance_id
    if stored is not None:
        return next((one for one in machines if one.id == stored), None)
    return min(machines, key=lambda one: (len(one.id), one.id))


def _missing(sessions: Iterable[Session], listing: Listing, provider: str) -> list[Session]:
    ids = {one.id for one in listing.instances}
    labels = {one.label for one in listing.instances}
    return [
        session
        for session in sessions
        if session.state in (State.PROVISIONING, State.RUNNING)
        and not session.is_tearing_down
        and session.attempt.provider == provider
        and session.attempt.instance_id is not None
        and session.attempt.instance_id not in ids
        and session.attempt.label not in labels
    ]
