"""What our checks over SSH mean for a session: before it runs, and every 15 minutes while it does.

A check never ends a running session, and one that fails says nothing but that it failed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from gpu_shopper.core.diagnostics import Diagnostics, diagnosed, missing_gpus, too_little_disk
from gpu_shopper.core.disk import weights_gb
from gpu_shopper.core.life import evolve
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.session import Attempt, Notice, Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps, Fact, Probe, StepResult
from gpu_shopper.usecases.facts import about
from gpu_shopper.usecases.host_keys import shows_another, told_of_change, with_shown_key
from gpu_shopper.usecases.writing import Decision, change

DONE = StepResult("done")


def check(deps: Deps, probe: Probe, session_id: str, attempt: int) -> StepResult:
    """Log in to a running session's machine once, and keep what the checks found."""
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return DONE
    address, sealed = session.attempt.ssh, session.probe_key_sealed
    if not _runs(session, attempt) or address is None or sealed is None:
        return DONE
    open_key = partial(deps.cipher.open, session.id, sealed)
    tried = probe(address, open_key, session.attempt.host_key, deps.settings)

    def decide(current: Session) -> Decision:
        if not _runs(current, attempt) or current.attempt.ssh != address:
            return None
        return _checked(deps, current, tried)

    change(deps, lambda: store.get(deps.sessions, session_id), decide)
    return DONE


def _runs(session: Session, attempt: int) -> bool:
    return session.state is State.RUNNING and session.attempt.number == attempt


def _checked(deps: Deps, session: Session, tried: SshTry) -> Decision:
    now = deps.now()
    if tried.result is SshResult.READY:
        found = diagnosed(tried.answers, now)
    else:
        found = Diagnostics(checked_at=now, ssh_available=False)
    shown = with_shown_key(session.attempt, tried)
    after = evolve(session, now, attempts=(*session.attempts[:-1], shown))
    after = with_findings(after, found, now)
    facts = [findings_fact(after)]
    if shows_another(session.attempt, tried):
        after, changed = told_of_change(after, now)
        facts.append(changed)
    return after, facts


def flaw_of(session: Session) -> tuple[EndReason, str] | None:
    """Why the machine is not what was rented, by what it says of itself; None if it may be."""
    wish, attempt, found = session.wish, session.attempt, session.attempt.diagnostics
    if found is None:
        return None
    weights = weights_gb(wish.model_id, wish.quantization)
    if found.disk is not None and too_little_disk(found, weights):
        text = f"{found.disk.available_gb} GB of disk are free, the model's weights need {weights}"
        return EndReason.INSUFFICIENT_DISK_ON_HOST, text
    missing = missing_gpus(found, attempt.gpu_count)
    if missing:
        text = f"the machine has {attempt.gpu_count - missing} of {attempt.gpu_count} GPUs"
        return EndReason.NO_CAPACITY, text
    return None


def with_findings(session: Session, found: Diagnostics, now: datetime) -> Session:
    """`session` with what was found, and a warning, once per attempt, for each bad sign."""
    attempt = replace(session.attempt, diagnostics=found)
    told = {one.code for one in session.warnings if one.at >= attempt.started_at}
    new = [
        Notice(code=code, message=message, at=now)
        for code, message in _signs(attempt, found).items()
        if code not in told
    ]
    return replace(
        session,
        attempts=(*session.attempts[:-1], attempt),
        warnings=(*session.warnings, *new)[-20:],
    )


def _signs(attempt: Attempt, found: Diagnostics) -> dict[str, str]:
    """Warnings by code."""
    signs: dict[str, str] = {}
    cuda, offered = found.cuda_version, attempt.cuda_version
    if cuda is not None and offered is not None and cuda < offered:
        signs["cuda_below_offer"] = f"the machine has CUDA {cuda}, the offer said {offered}"
    if found.disk is not None and found.disk.low:
        signs["disk_low"] = "a disk of the machine is more than 90 % full"
    if found.oom is not None and found.oom.detected:
        signs["oom_seen"] = "the machine has run out of memory"
    return signs


def findings_fact(session: Session) -> Fact:
    """That a check was made, with the free disk where it was told."""
    metrics: dict[str, float] = {}
    found = session.attempt.diagnostics
    if found is not None and found.disk is not None:
        metrics["SessionDiskAvailable"] = float(found.disk.available_gb)
    return about(session, "machine_checked", metrics=metrics)
