"""Step `look` of the provision machine: find the machine, or learn that there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gpu_shopper.core import evidence
from gpu_shopper.core.costs import with_price
from gpu_shopper.core.deadlines import attempt_deadline, launch_unknown_until, timeout_reason
from gpu_shopper.core.evidence import Listing
from gpu_shopper.core.instances import Health, Instance, Launched
from gpu_shopper.core.life import evolve, evolve_attempt
from gpu_shopper.core.polling import SshResult, lookup_wait_s, poll_wait_s, ssh_hold_s
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.requesting import session_keys
from gpu_shopper.core.retrying import is_dearer_than_accepted
from gpu_shopper.core.session import Attempt, LaunchState, Notice, Session, Verification
from gpu_shopper.core.states import EndReason
from gpu_shopper.errors import SessionNotFound
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.providers.port import AttachesKeys
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.attempts import fail_attempt, is_current, refuse
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.host_keys import tell_of_change
from gpu_shopper.usecases.provision import (
    DONE,
    LAUNCH_NOW,
    LOOK_NOW,
    accepted,
    warned,
)
from gpu_shopper.usecases.writing import Decision, change

PRICE_TOLERANCE_PERCENT = 1
DEARER_INSTANCE = "the provider charges more for the instance than was accepted"


def look(deps: Deps, session_id: str, attempt: int) -> StepResult:
    """Ask the provider about the attempt's machine once.

    Outcomes: `look` (wait, then again), `verify` (an address is known and the machine is up),
    `launch` (the launch was never sent), `done`.
    """
    try:
        session = store.get(deps.sessions, session_id)
    except SessionNotFound:
        return DONE
    if not is_current(session, attempt):
        return DONE
    if session.attempt.launch in (LaunchState.PLANNED, LaunchState.THROTTLED):
        return LAUNCH_NOW
    if session.attempt.instance_id is None:
        return _look_up_label(deps, session)
    return _poll(deps, session, session.attempt.instance_id)


def _look_up_label(deps: Deps, session: Session) -> StepResult:
    """After an unclear launch: adopt the machine with our label, or prove that there is none."""
    attempt = session.attempt
    listing = listed(deps, attempt.provider)
    found = listing.labelled(attempt.label) if listing else []
    if found:
        launched = Launched(
            instance_id=found[0].id, price_microusd_per_hour=found[0].price_microusd_per_hour
        )
        accepted(deps, session, launched, "instance_adopted")
        return LOOK_NOW
    absence = absent_label(deps, attempt, listing)
    now = deps.now()
    overdue = now >= launch_unknown_until(attempt, deps.settings)
    if absence is not None:
        reason = EndReason.PROVISION_TIMEOUT if overdue else EndReason.PROVIDER_UNAVAILABLE
        return refuse(deps, session, reason, "the launch rented nothing", absence)
    if overdue:
        error = "the provider never told what became of the launch"
        return fail_attempt(deps, session, EndReason.PROVISION_TIMEOUT, error)
    return _look_again(deps, session, listing)


def listed(deps: Deps, provider: str) -> Listing | None:
    """A complete listing, or None: an error is not a listing."""
    asked_at = deps.now()
    try:
        return evidence.complete(asked_at, deps.provider(provider).list_instances())
    except ProviderError:
        return None


def call_ended_at(deps: Deps, attempt: Attempt) -> datetime:
    """When the launch call was over at the latest, also if its function died in it."""
    called_at = attempt.called_at or attempt.started_at
    return attempt.call_ended_at or called_at + timedelta(seconds=deps.settings.launch_call_max_s)


def absent_label(deps: Deps, attempt: Attempt, listing: Listing | None) -> evidence.Absence | None:
    """Proof that this attempt's launch rented nothing, if `listing` completes it."""
    if listing is None:
        return None
    ended = call_ended_at(deps, attempt)
    first = attempt.unlisted_at
    return evidence.never_rented(attempt.label, ended, first, listing, deps.settings)


def first_absence(deps: Deps, attempt: Attempt, listing: Listing | None) -> datetime | None:
    """The instant of the first listing that counts: late enough after the call, without label."""
    if attempt.unlisted_at is not None or listing is None:
        return attempt.unlisted_at
    counts_from = call_ended_at(deps, attempt) + timedelta(
        seconds=deps.settings.never_rented_first_look_s
    )
    return listing.at if listing.at >= counts_from else None


def _look_again(deps: Deps, session: Session, listing: Listing | None) -> StepResult:
    wait_s = lookup_wait_s(session.attempt.lookups, deps.settings)

    def decide(current: Session) -> Decision:
        attempt = current.attempt
        if attempt.instance_id is not None or not is_current(current, session.attempt.number):
            return None
        unlisted_at = first_absence(deps, attempt, listing)
        looked = replace(attempt, lookups=attempt.lookups + 1, unlisted_at=unlisted_at)
        return _progress(deps, current, looked, wait_s)

    change(deps, lambda: store.get(deps.sessions, session.id), decide)
    return StepResult("look", wait_s)


def _progress(deps: Deps, session: Session, attempt: Attempt, wait_s: int) -> Decision:
    now = deps.now()
    attempts = (*session.attempts[:-1], attempt)
    next_at = now + timedelta(seconds=wait_s)
    return evolve(session, now, attempts=attempts, next_step_at=next_at), []


def _poll(deps: Deps, session: Session, instance_id: str) -> StepResult:
    if deps.now() >= attempt_deadline(session, session.attempt):
        return end_at_deadline(deps, session)
    _attach_missing_keys(deps, session, instance_id)
    try:
        instance = deps.provider(session.attempt.provider).find(instance_id)
    except ProviderError:
        instance = None
    return _saw(deps, session, instance)


def _attach_missing_keys(deps: Deps, session: Session, instance_id: str) -> None:
    """A machine found by its label, or whose launch lost its keys, gets them now."""
    provider = deps.provider(session.attempt.provider)
    if session.attempt.keys_attached or not isinstance(provider, AttachesKeys):
        return
    number = session.attempt.number
    error = provider.attach_ssh_keys(instance_id, session_keys(session))

    def decide(current: Session) -> Decision:
        if current.attempt.instance_id != instance_id or not is_current(current, number):
            return None
        now = deps.now()
        after = evolve_attempt(current, now, keys_attached=error is None)
        return (replace(after, warnings=warned(after, error, now)) if error else after), []

    change(deps, lambda: store.get(deps.sessions, session.id), decide)


def end_at_deadline(deps: Deps, session: Session) -> StepResult:
    """The attempt did not become ready in time; a changed host key is named as the cause."""
    last = session.attempt.verification.last_error
    changed = last == SshResult.HOST_KEY_CHANGED.value
    if changed:
        tell_of_change(deps, session)
    reason = EndReason.HOST_KEY_CHANGED if changed else timeout_reason(session)
    minutes, over = session.wish.ssh_timeout_min, "HTTP" if session.wish.serves_http else "SSH"
    error = f"not reachable over {over} within {minutes} minutes (last: {last or 'no address'})"
    return fail_attempt(deps, session, reason, error)


def _saw(deps: Deps, session: Session, instance: Instance | None) -> StepResult:
    """Store what the provider shows; None says nothing, and the machine is waited for."""
    number = session.attempt.number
    result = StepResult("look")

    def decide(current: Session) -> Decision:
        nonlocal result
        if not is_current(current, number):
            result = DONE
            return None
        attempt = _seen(current, instance, deps.now())
        address = replace(current, attempts=(attempt,)).api if _serves(current) else attempt.ssh
        up = instance is not None and instance.health is Health.UP and address is not None
        result = _next_step(deps, attempt, up)
        if not up:
            counted = replace(attempt.verification, polls=attempt.verification.polls + 1)
            attempt = replace(attempt, verification=counted)
        decision = _progress(deps, current, attempt, result.wait_s)
        decision = _with_price_warning(deps, current, attempt, decision)
        return _with_status_warning(deps, instance, decision)

    saved, _ = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    if result == DONE:
        return DONE
    if saved.attempt.verification.failed_polls >= deps.settings.instance_failed_polls:
        return fail_attempt(deps, saved, EndReason.INSTANCE_STOPPED, _why(instance))
    price = saved.attempt.price_microusd_per_hour
    if is_dearer_than_accepted(price, saved.attempt, deps.settings):
        return fail_attempt(deps, saved, EndReason.PRICE_MISMATCH, DEARER_INSTANCE)
    return result


def _serves(session: Session) -> bool:
    return session.wish.serves_http


def _hold_s(deps: Deps, attempt: Attempt) -> int:
    """Seconds until a login on this provider's machines makes sense; the deadline stays."""
    delay_s = FACTS[attempt.provider].ssh_delay_s(deps.settings)
    return ssh_hold_s(attempt.launched_at or attempt.started_at, delay_s, deps.now())


def _next_step(deps: Deps, attempt: Attempt, up: bool) -> StepResult:
    """Verify a machine that is up; while that is too early, look whether it stays up.

    Looks of a machine that is only held back are not counted: the waits between SSH tries grow
    from the first try on.
    """
    if not up:
        return StepResult("look", poll_wait_s(attempt.verification.polls, deps.settings))
    hold_s = _hold_s(deps, attempt)
    if hold_s:
        return StepResult("look", min(hold_s, deps.settings.ssh_poll_cap_s))
    return StepResult("verify")


def _seen(session: Session, instance: Instance | None, now: datetime) -> Attempt:
    """The attempt with the instance's address, price and failures; a new address starts anew.

    None, an answer that says nothing, breaks a row of failures.
    """
    attempt = session.attempt
    verification = attempt.verification
    if instance is None:
        return replace(attempt, verification=replace(verification, failed_polls=0))
    failed = verification.failed_polls + 1 if instance.health is Health.FAILED else 0
    moved = instance.ssh is not None and instance.ssh != attempt.ssh
    verification = replace(verification, failed_polls=failed)
    if moved:
        verification = Verification(failed_polls=failed)
    return replace(
        with_price(attempt, instance.price_microusd_per_hour, now),
        ssh=instance.ssh or attempt.ssh,
        port_map=instance.port_map or attempt.port_map,
        verification=verification,
    )


def _with_price_warning(
    deps: Deps, before: Session, attempt: Attempt, decision: Decision
) -> Decision:
    """Warn, once, when the provider's price is above the offer's by more than 1 %."""
    old, new = before.attempt.price_microusd_per_hour, attempt.price_microusd_per_hour
    if decision is None or new * 100 <= old * (100 + PRICE_TOLERANCE_PERCENT):
        return decision
    after, facts = decision
    message = "the provider charges more for the instance than the offer said"
    notice = Notice(code="price_differs", message=message, at=deps.now())
    return replace(after, warnings=(*after.warnings, notice)[-20:]), facts


def _with_status_warning(deps: Deps, instance: Instance | None, decision: Decision) -> Decision:
    """Warn, once, of a status word that we do not know: the machine is waited for all the same."""
    if decision is None or instance is None or instance.health is not Health.UNKNOWN:
        return decision
    (after, facts), code = decision, "provider_status_unknown"
    if any(one.code == code for one in after.warnings):
        return decision
    message = f"the provider shows a status that we do not know: {instance.status}"
    notice = Notice(code=code, message=message, at=deps.now())
    return replace(after, warnings=(*after.warnings, notice)[-20:]), facts


HINTS = (
    ("exited", "the entrypoint failed or ran out of memory"),
    ("error", "crash, out of memory or configuration"),
    ("loading", "image pull, disk or driver problem"),
)


def _why(instance: Instance | None) -> str:
    """The provider's text and what it usually means."""
    text = f"{instance.status} {instance.message or ''}".strip() if instance else "stopped"
    hint = next((meaning for word, meaning in HINTS if word in text.lower()), None)
    return f"instance is {text}" + (f" ({hint})" if hint else "")
