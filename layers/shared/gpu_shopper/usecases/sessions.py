"""What callers do with sessions: create, read, stop. Nothing here waits for a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gpu_shopper.core import disk
from gpu_shopper.core.api_keys import Caller, digest
from gpu_shopper.core.deadlines import due_at
from gpu_shopper.core.draining import end_drain, end_in_order
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.labels import Label
from gpu_shopper.core.life import apply, illegal, planned_attempt
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.repeats import FirstRequest, KeyedRequest
from gpu_shopper.core.session import Notice, Session, Wish
from gpu_shopper.core.states import TERMINAL, Actor, Event, State
from gpu_shopper.core.templates import Template
from gpu_shopper.errors import (
    Conflict,
    OfferNotFound,
    OfferSuppressed,
    PriceAboveMax,
    ShopperError,
    StaleInventory,
)
from gpu_shopper.store import sessions as store
from gpu_shopper.store.repeats import kept
from gpu_shopper.usecases.agents import check_agent
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.disk import check_disk, disk_notices, settled_gb
from gpu_shopper.usecases.facts import about, began_to_end, drain_started
from gpu_shopper.usecases.inventory import rentable_offer
from gpu_shopper.usecases.repeats import Secrets, begun, first_of, secrets_again
from gpu_shopper.usecases.templates import fitting_template
from gpu_shopper.usecases.wishes import NewSession, capped, check_software, wish_of
from gpu_shopper.usecases.writing import TRIES, Decision, change


@dataclass(frozen=True, slots=True)
class Created:
    """The session, and what its answer alone shows.

    That is `ssh_private_key`, if we made the pair, and `agent_token`, if there is an agent.
    """

    session: Session
    secrets: Secrets = field(default_factory=dict, repr=False)


def create(
    deps: Deps, caller: Caller, wanted: NewSession, request: KeyedRequest | None = None
) -> Created:
    """Record a session and start its provisioning; a repeat of `request` gets the first's session.

    Raises: IdempotencyMismatch, ValidationFailed, OfferNotFound, StaleInventory,
    ProviderNotUsable, TemplateNotFound, PriceAboveMax, InsufficientDisk, DuplicateSession,
    Conflict. A refused request leaves nothing behind, and its key free.
    """
    check_software(wanted)
    repeated = _repeated(deps, request)
    if repeated is not None:
        return repeated
    try:
        return _create(deps, caller, wanted, request)
    except ShopperError:
        # Sent at the same moment, the other one came first: its session is what stood in the way.
        repeated = _repeated(deps, request)
        if repeated is None:
            raise
        return repeated


def _repeated(deps: Deps, request: KeyedRequest | None) -> Created | None:
    first = first_of(deps, request) if request else None
    if first is None:
        return None
    return Created(store.get(deps.sessions, first.session_id), secrets_again(deps, first))


def _create(
    deps: Deps, caller: Caller, wanted: NewSession, request: KeyedRequest | None
) -> Created:
    now = deps.now()
    shown = _offer(deps, wanted)
    hash_id = wanted.template_hash_id
    template = fitting_template(deps, hash_id, shown.offer) if hash_id else None
    estimate = _disk_estimate(wanted, template)
    disk_gb = settled_gb(wanted.disk_gb, estimate, shown.offer)
    price = shown.offer.price_with_disk(disk_gb)
    check_agent(wanted, template)
    check_price(shown.offer, price, wanted.max_price_microusd_per_hour)
    check_disk(wanted.disk_gb, estimate)
    notices = (*disk_notices(wanted.disk_gb, disk_gb, now), *capped(deps, wanted, now))
    session_id = deps.new_id()
    public_line, secrets = _keys(deps, wanted, session_id)
    wish = wish_of(deps, wanted, template, public_line, disk_gb)
    token = deps.new_secret() if wanted.agent else None
    session = _new(deps, wanted, shown, session_id, wish, price, now, notices)
    session = replace(session, agent_token_sha256=digest(token) if token else None)
    if token:
        secrets = {**secrets, "agent_token": token}
    first = begun(deps, request, session, secrets) if request else None
    made = _created(session, caller)
    _record(deps, session, first, made)
    deps.note(made)
    deps.machines.start(Machine.PROVISION, session.id, 1, 0)
    return Created(session, secrets)


def _record(deps: Deps, session: Session, first: FirstRequest | None, made: Fact) -> None:
    """Raises: DuplicateSession; Conflict after three lost writes."""
    also = [*([kept(first, deps.settings)] if first else []), *audited(deps, [made])]
    due = due_at(session, deps.settings) or session.created_at
    for _ in range(TRIES):
        try:
            store.create(deps.sessions, session, due, *also)
        except Conflict:
            continue
        return
    raise Conflict("lost a concurrent write three times", retry_suggested=True)


def _disk_estimate(wanted: NewSession, template: Template | None) -> disk.DiskEstimate | None:
    return disk.estimate(
        wanted.model_id,
        wanted.quantization,
        from_template=template is not None,
        template_floor_gb=template.disk_floor_gb if template else None,
    )


def _offer(deps: Deps, wanted: NewSession) -> Shown:
    """The offer; one that this consumer itself holds is a duplicate, not an unknown offer."""
    try:
        return rentable_offer(deps, wanted.provider, wanted.offer_id)
    except (OfferNotFound, OfferSuppressed, StaleInventory):
        duplicate = store.holder(deps.sessions, wanted.consumer_id, wanted.offer_id)
        if duplicate is not None:
            raise duplicate from None
        raise


def check_price(offer: Offer, price: int, max_price: int | None) -> None:
    """Raises PriceAboveMax when the offer costs more than the caller wants to pay."""
    if max_price is not None and price > max_price:
        raise PriceAboveMax(
            "the offer costs more than max_price",
            offer_id=offer.id,
            price_microusd=price,
            max_price_microusd=max_price,
        )


def get(deps: Deps, caller: Caller, session_id: str) -> Session:
    """The session as it is now. Raises SessionNotFound, also for somebody else's."""
    return store.get_for(deps.sessions, session_id, caller)


def get_running(deps: Deps, caller: Caller, session_id: str) -> Session:
    """The session, if it is running. Raises SessionNotFound, IllegalTransition."""
    session = get(deps, caller, session_id)
    if session.state is not State.RUNNING:
        raise illegal(session)
    return session


def request_stop(deps: Deps, caller: Caller, session_id: str) -> Session:
    """Begin ending a session; the teardown machine does the rest. Stopping twice is one stop.

    A running session under `preserve` drains first, and the sweep begins its teardown.
    Raises: SessionNotFound, IllegalTransition when it has ended, Conflict.
    """

    def decide(session: Session) -> Decision:
        if session.state is State.STOPPING:
            return None
        event, actor = Event.REQUEST_STOP, Actor.API
        after = end_in_order(session, event, actor, deps.now(), deps.settings)
        told = began_to_end(session, after, event, actor, caller.key_id)
        return after, [told, *drain_started(after, actor, caller.key_id)]

    return _stopped(deps, caller, session_id, decide)


def destroy(deps: Deps, caller: Caller, session_id: str) -> Session:
    """Begin ending a session at once, also one that drains; one that has ended is given back.

    Raises: SessionNotFound, Conflict.
    """

    def decide(session: Session) -> Decision:
        now, event, actor = deps.now(), Event.REQUEST_STOP, Actor.API
        if session.drains:
            told = about(session, "drain_ended", actor=actor.value, key_id=caller.key_id)
            return end_drain(session, now), [told]
        if session.state in TERMINAL or session.state is State.STOPPING:
            return None
        after = apply(session, event, actor, now)
        return after, [began_to_end(session, after, event, actor, caller.key_id)]

    return _stopped(deps, caller, session_id, decide)


def _stopped(
    deps: Deps, caller: Caller, session_id: str, decide: Callable[[Session], Decision]
) -> Session:
    """The session after `decide`; what that left without a machine to wait for is torn down."""
    session, changed = change(deps, lambda: get(deps, caller, session_id), decide)
    if changed and session.is_tearing_down:
        deps.machines.start(Machine.TEARDOWN, session.id, session.attempt.number, 0)
    return session


def _keys(deps: Deps, wanted: NewSession, session_id: str) -> tuple[str, Secrets]:
    if wanted.ssh_public_key is not None:
        return wanted.ssh_public_key, {}
    pair = deps.new_pair(f"gpu-shopper-{session_id}")
    return pair.public_line, {"ssh_private_key": pair.private_pem}


def _new(
    deps: Deps,
    wanted: NewSession,
    shown: Shown,
    session_id: str,
    wish: Wish,
    price: int,
    now: datetime,
    notices: tuple[Notice, ...],
) -> Session:
    settings = deps.settings
    label = Label(deps.deployment_id, session_id, 1)
    return Session(
        id=session_id,
        consumer_id=wanted.consumer_id,
        deployment_id=deps.deployment_id,
        state=State.PENDING,
        version=1,
        created_at=now,
        updated_at=now,
        state_entered_at=now,
        expires_at=now + timedelta(hours=wanted.reservation_hours),
        hard_max_at=now + timedelta(hours=settings.hard_max_hours),
        reservation_hours=wanted.reservation_hours,
        hard_max_hours=settings.hard_max_hours,
        wish=wish,
        attempts=(planned_attempt(shown.offer, label, price, now),),
        warnings=notices,
    )


def _created(session: Session, caller: Caller) -> Fact:
    return Fact(
        operation="session_created",
        provider=session.attempt.provider,
        session_id=session.id,
        consumer_id=session.consumer_id,
        attempt=1,
        actor=Actor.API.value,
        key_id=caller.key_id,
        metrics={"SessionsCreated": 1},
        details={"offer_id": session.wish.offer_id, "version": session.version},
    )
