"""Steps `launch` and `look` of the provision machine: rent once, learn the machine's address.

Each step reads the session, does at most one outside action and saves; delivered twice or late,
it finds that its work is done. The launch call is sent at most once per written intention.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gpu_shopper.core import evidence
from gpu_shopper.core.instances import HostKey, Launched
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.life import apply, evolve, evolve_attempt
from gpu_shopper.core.requesting import launch_request
from gpu_shopper.core.retrying import disk_gb_at, is_dearer_than_accepted, price_cap
from gpu_shopper.core.session import LaunchState, Notice, Session
from gpu_shopper.core.states import Actor, EndReason, Event, State
from gpu_shopper.errors import (
    OfferNotFound,
    OfferSuppressed,
    PriceAboveMax,
    ProviderNotUsable,
    SessionNotFound,
    ShopperError,
    StaleInventory,
)
from gpu_shopper.errors.provider import (
    CircuitOpen,
    LaunchRejected,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    RateLimited,
    RentedDespiteError,
    TooSoon,
)
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.agents import AgentSetup, new_agent
from gpu_shopper.usecases.attempts import fail_attempt, is_current, refuse, same_call
from gpu_shopper.usecases.balances import require_funds
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.facts import about, began_again
from gpu_shopper.usecases.host_keys import new_host_key, pinned
from gpu_shopper.usecases.inventory import hide_if_single, rentable_offer, withdraw
from gpu_shopper.usecases.judging import count_judged
from gpu_shopper.usecases.sessions import check_price
from gpu_shopper.usecases.throttling import throttled
from gpu_shopper.usecases.timers import set_timer
from gpu_shopper.usecases.writing import Decision, change

DONE = StepResult("done")
LOOK_NOW = StepResult("look")
LAUNCH_NOW = StepResult("launch")
DEARER_OFFER = "the offer costs more than when it was accepted"

_UNWANTED = (OfferNotFound, OfferSuppressed, StaleInventory, ProviderNotUsable, PriceAboveMax)
_REASONS: dict[type[ShopperError], EndReason] = {
    OfferGone: EndReason.STALE_INVENTORY,
    OfferNotFound: EndReason.STALE_INVENTORY,
    OfferSuppressed: EndReason.STALE_INVENTORY,
    StaleInventory: EndReason.STALE_INVENTORY,
    NoCapacity: EndReason.NO_CAPACITY,
    LaunchRejected: EndReason.LAUNCH_REJECTED,
    ProviderAuth: EndReason.PROVIDER_AUTH,
    CircuitOpen: EndReason.PROVIDER_UNAVAILABLE,
    ProviderNotUsable: EndReason.PROVIDER_UNAVAILABLE,
    PriceAboveMax: EndReason.PRICE_ABOVE_MAX,
}


def launch(deps: Deps, session_id: str, attempt: int) -> StepResult:
    """Write the attempt down, then ask the provider once for its machine.

    Outcomes: `look` (rented, or unclear), `launch` (rate limited: again later), `done`.
    """
    session = _loaded(deps, session_id)
    if session is None or not is_current(session, attempt):
        return DONE
    if session.attempt.launch not in (LaunchState.PLANNED, LaunchState.THROTTLED):
        return LOOK_NOW if session.state is State.PROVISIONING else DONE
    try:
        shown = _still_wanted(deps, session)
        price = shown.offer.price_with_disk(_disk_gb(session))
        require_funds(deps, session.attempt.provider, price)
    except _UNWANTED as exc:
        return _not_wanted(deps, session, _REASONS[type(exc)], exc.message)
    if is_dearer_than_accepted(price, session.attempt, deps.settings):
        return _not_wanted(deps, session, EndReason.PRICE_MISMATCH, DEARER_OFFER)
    set_timer(deps, session)
    agent = new_agent(deps, session)
    host_key = new_host_key(deps, session, agent.command)
    session, written = change(
        deps,
        lambda: store.get(deps.sessions, session_id),
        lambda s: _intention(deps, s, attempt, pinned(host_key) | agent.remembered),
    )
    return _call(deps, session, shown, host_key, agent) if written else LOOK_NOW


def _loaded(deps: Deps, session_id: str) -> Session | None:
    try:
        return store.get(deps.sessions, session_id)
    except SessionNotFound:
        return None


def _still_wanted(deps: Deps, session: Session) -> Shown:
    """The offer as the newest snapshot has it, at a price within the session's cap."""
    shown = rentable_offer(deps, session.attempt.provider, session.attempt.offer_id)
    price = shown.offer.price_with_disk(_disk_gb(session))
    check_price(shown.offer, price, price_cap(session, deps.settings))
    return shown


def _disk_gb(session: Session) -> int:
    return disk_gb_at(session.attempt.provider, session.wish)


def _not_wanted(deps: Deps, session: Session, reason: EndReason, error: str) -> StepResult:
    """The attempt ends before its provider hears of it.

    One that others may follow has begun all the same: only from `provisioning` does the table
    lead to the next.
    """
    number = session.attempt.number

    def decide(current: Session) -> Decision:
        if not is_current(current, number) or current.state is not State.PENDING:
            return None
        event, actor = Event.LAUNCH, Actor.LIFECYCLE
        after = apply(current, event, actor, deps.now())
        return after, [began_again(current, after, event, actor)]

    if session.wish.auto_retry:
        session = change(deps, lambda: store.get(deps.sessions, session.id), decide)[0]
    return refuse(deps, session, reason, error)


def _intention(deps: Deps, session: Session, attempt: int, brought: dict[str, Any]) -> Decision:
    """The write before the call: from now on the machine can be found by its label.

    `brought` is what the attempt must know of the keys that the machine is given.
    """
    launchable = session.attempt.launch in (LaunchState.PLANNED, LaunchState.THROTTLED)
    if not is_current(session, attempt) or not launchable:
        return None
    now = deps.now()
    first = session.state is State.PENDING
    after = apply(session, Event.LAUNCH, Actor.LIFECYCLE, now) if first else session
    called = replace(
        session.attempt,
        launch=LaunchState.CALLED,
        launch_tries=session.attempt.launch_tries + 1,
        started_at=now if first else session.attempt.started_at,
        called_at=now,
        call_ended_at=None,
        unlisted_at=None,
        lookups=0,
        **brought,
    )
    after = replace(
        after,
        version=session.version + 1,
        updated_at=now,
        attempts=(*session.attempts[:-1], called),
        next_step_at=now + timedelta(seconds=deps.settings.launch_call_max_s),
    )
    if after.probe_key_sealed is None:
        pair = deps.new_pair("gpu-shopper-probe")
        sealed = deps.cipher.seal(session.id, pair.private_pem)
        after = replace(after, probe_public_key=pair.public_line, probe_key_sealed=sealed)
    if not first:
        return after, []
    return after, [began_again(session, after, Event.LAUNCH, Actor.LIFECYCLE)]


def _call(
    deps: Deps, session: Session, shown: Shown, host_key: HostKey | None, agent: AgentSetup
) -> StepResult:
    """The one launch call, and what each kind of answer means."""
    attempt = session.attempt
    request = launch_request(session, shown.offer, host_key, agent.command)
    try:
        launched = deps.provider(attempt.provider).launch(request)
    except RentedDespiteError as exc:
        _rented(deps, session, Launched(instance_id=exc.instance_id))
        return fail_attempt(deps, session, EndReason.INSTANCE_STOPPED, exc.message)
    except (RateLimited, TooSoon) as exc:
        return throttled(deps, session, exc)
    except ProviderError as exc:
        absence = evidence.refused(exc, deps.now())
        if absence is None:
            return _unclear(deps, session)
        if isinstance(exc, OfferGone):
            withdraw(deps, session.attempt)
        if isinstance(exc, OfferGone | NoCapacity):
            count_judged(deps, session.attempt, accepted=False)
        return refuse(deps, session, _REASONS[type(exc)], exc.message, absence)
    _rented(deps, session, launched)
    return StepResult("look", deps.settings.first_look_s)


def _rented(deps: Deps, session: Session, launched: Launched) -> None:
    accepted(deps, session, launched, "instance_launched")
    hide_if_single(deps, session.attempt)


def accepted(
    deps: Deps, session: Session, launched: Launched, operation: str, actor: Actor | None = None
) -> bool:
    """Store what the provider gave us, whatever became of the session meanwhile; True if new.

    Billing begins here. An unclear launch that is found later began with its call.
    """
    number, new = session.attempt.number, False
    adopted = operation == "instance_adopted"

    def decide(now_session: Session) -> Decision:
        nonlocal new
        current, now = now_session.attempt, deps.now()
        new = current.number == number and current.instance_id is None
        if not new:
            return _key_error_of_adopted(now_session, number, launched, now)
        since = now - timedelta(milliseconds=launched.age_ms)
        after = evolve_attempt(
            now_session,
            now,
            launch=LaunchState.ACCEPTED,
            instance_id=launched.instance_id,
            keys_attached=not adopted and launched.key_error is None,
            launched_at=(current.called_at or current.started_at) if adopted else since,
            call_ended_at=current.call_ended_at or now,
            price_microusd_per_hour=(
                launched.price_microusd_per_hour or current.price_microusd_per_hour
            ),
            price_source="provider" if launched.price_microusd_per_hour else "offer",
        )
        if launched.key_error:
            after = replace(after, warnings=warned(after, launched.key_error, now))
        metrics = {"InstancesLaunched": 1.0} | ({"InstancesAdopted": 1.0} if adopted else {})
        who = (actor or Actor.LIFECYCLE).value
        return after, [about(after, operation, actor=who, metrics=metrics)]

    saved, _ = change(deps, lambda: store.get(deps.sessions, session.id), decide)
    if new:
        count_judged(deps, saved.attempt, accepted=True)
    return new


def _key_error_of_adopted(
    session: Session, number: int, launched: Launched, now: datetime
) -> Decision:
    """Only the launch knows it, also when somebody else found the machine while it tried."""
    attempt = session.attempt
    is_it = (attempt.number, attempt.instance_id) == (number, launched.instance_id)
    if not (is_it and session.is_live and launched.key_error):
        return None
    warnings = warned(session, launched.key_error, now)
    if warnings == session.warnings:
        return None
    return evolve(session, now, warnings=warnings), []


def warned(session: Session, key_error: str, now: datetime) -> tuple[Notice, ...]:
    """The session's warnings with one, not more, about a key that is not on the machine."""
    code = "ssh_key_attach_failed"
    if any(one.code == code for one in session.warnings):
        return session.warnings
    message = f"an SSH key could not be attached: {key_error}"
    return (*session.warnings, Notice(code=code, message=message, at=now))[-20:]


def _unclear(deps: Deps, session: Session) -> StepResult:
    """The call ended without an answer we can trust: the label is looked up next.

    The offer is hidden here, not when its machine is found: who finds it may hide nothing.
    """

    def decide(now_session: Session) -> Decision:
        if not same_call(now_session, session):
            return None
        now = deps.now()
        return evolve_attempt(now_session, now, call_ended_at=now), []

    change(deps, lambda: store.get(deps.sessions, session.id), decide)
    hide_if_single(deps, session.attempt)
    return LOOK_NOW
