"""Session requests in, lists out."""

from __future__ import annotations

import uuid

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import RetryScope, Session, StoragePolicy
from gpu_shopper.core.states import State
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.session_acts import CreatedBody
from gpu_shopper.edge.answers.sessions import SessionBody, SessionsBody
from gpu_shopper.edge.bodies import CreateSessionBody, SessionsQuery
from gpu_shopper.edge.fields import microusd
from gpu_shopper.edge.inventory import checked_provider, offer_id_of
from gpu_shopper.errors import Forbidden, SessionNotFound, ValidationFailed
from gpu_shopper.usecases.agents import reported
from gpu_shopper.usecases.costs import booked_costs
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.listing import list_sessions
from gpu_shopper.usecases.sessions import Created
from gpu_shopper.usecases.wishes import NewSession


def session_id_of(text: str) -> str:
    """A session id from a path. Raises SessionNotFound for anything but a canonical UUID."""
    try:
        canonical = str(uuid.UUID(text))
    except ValueError as exc:
        raise SessionNotFound("session not found") from exc
    if canonical != text.lower():
        raise SessionNotFound("session not found")
    return canonical


def new_session_of(body: CreateSessionBody, caller: Caller, enabled: tuple[str, ...]) -> NewSession:
    """The request in our units, for the consumer it is for.

    Raises: Forbidden for another consumer, ValidationFailed.
    """
    provider, offer_id = offer_id_of(body.offer_id, enabled)
    _check_entrypoint(body, provider)
    _check_agent(body)
    if body.drain_minutes is not None and body.storage_policy != StoragePolicy.PRESERVE.value:
        text = "drain_minutes needs storage_policy preserve: nothing drains otherwise"
        raise ValidationFailed([("drain_minutes", text)])
    return NewSession(
        consumer_id=_consumer(body.consumer_id, caller),
        provider=provider,
        offer_id=offer_id,
        workload_type=body.workload_type,
        reservation_hours=body.reservation_hours,
        ssh_public_key=body.ssh_public_key,
        max_price_microusd_per_hour=None if body.max_price is None else microusd(body.max_price),
        auto_retry=body.auto_retry,
        max_retries=body.max_retries,
        retry_scope=RetryScope(body.retry_scope),
        disk_gb=body.disk_gb,
        ssh_timeout_min=body.ssh_timeout_minutes,
        docker_image=body.docker_image,
        template_hash_id=body.template_hash_id,
        on_start_cmd=body.on_start_cmd,
        model_id=body.model_id,
        quantization=body.quantization,
        launch_mode=LaunchMode(body.launch_mode),
        exposed_ports=tuple(body.exposed_ports),
        health_path=body.health_path,
        agent=body.idle_threshold_minutes > 0 if body.agent is None else body.agent,
        idle_threshold_min=body.idle_threshold_minutes,
        storage_policy=StoragePolicy(body.storage_policy),
        drain_min=body.drain_minutes,
    )


def _check_entrypoint(body: CreateSessionBody, provider: str) -> None:
    """Raises ValidationFailed naming all that a machine needs to serve HTTP, and lacks."""
    if LaunchMode(body.launch_mode) is not LaunchMode.ENTRYPOINT:
        return
    details = []
    if not FACTS[provider].takes_image:
        text = f"launch_mode entrypoint is not possible at {provider}: its machines run no images"
        details.append(("launch_mode", text))
    if body.docker_image is None:
        details.append(("docker_image", "docker_image is required"))
    if not body.exposed_ports:
        details.append(("exposed_ports", "exposed_ports is required"))
    if details:
        raise ValidationFailed(details)


def _check_agent(body: CreateSessionBody) -> None:
    """Raises ValidationFailed where nothing could tell that the machine idles, or is there."""
    watched = body.idle_threshold_minutes > 0
    if watched and body.agent is False:
        text = "agent must be true where idle_threshold_minutes is above 0"
        raise ValidationFailed([("agent", text)])
    if LaunchMode(body.launch_mode) is not LaunchMode.ENTRYPOINT:
        return
    asked = {"idle_threshold_minutes": watched, "agent": body.agent is True}
    text = "is not possible with launch_mode entrypoint: no agent runs there"
    details = [(name, f"{name} {text}") for name, given in asked.items() if given]
    if details:
        raise ValidationFailed(details)


def _consumer(asked: str | None, caller: Caller) -> str:
    """Consumers rent for themselves; operators must say for whom."""
    if asked is not None and not caller.sees(asked):
        raise Forbidden("this key rents for its own consumer only")
    consumer = asked or caller.consumer_id
    if consumer is None:
        raise ValidationFailed([("consumer_id", "consumer_id is required")])
    return consumer


def session_body(deps: Deps, session: Session) -> SessionBody:
    """The session with what is booked of its cost."""
    cost = booked_costs(deps, [session])[session.id]
    return SessionBody.of(session, cost, reported(deps, [session]).get(session.id))


def created_body(deps: Deps, created: Created) -> CreatedBody:
    """The new session, or the one that a repeated request found."""
    session = created.session
    cost = booked_costs(deps, [session])[session.id]
    return CreatedBody.of(created, cost, reported(deps, [session]).get(session.id))


def listed_for(deps: Deps, caller: Caller, query: SessionsQuery) -> SessionsBody:
    """One page of the sessions that `caller` may see and `query` asks for."""
    if query.consumer_id and not caller.sees(query.consumer_id):
        raise Forbidden("this key sees its own consumer's sessions only")
    whose = query.consumer_id if caller.role is Role.OPERATOR else caller.consumer_id
    states = _states(query.status)
    provider = checked_provider(query.provider, tuple(FACTS)) if query.provider else None

    def wanted(session: Session) -> bool:
        return session.state in states and provider in (None, session.attempt.provider)

    now = deps.now()
    scope = f"sessions {caller.key_id} {whose} {sorted(states)} {provider}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page = list_sessions(deps, whose, wanted, after, query.limit)
    costs, told = booked_costs(deps, page.sessions), reported(deps, page.sessions)
    return SessionsBody(
        sessions=[SessionBody.of(one, costs[one.id], told.get(one.id)) for one in page.sessions],
        count=len(page.sessions),
        next_cursor=cursors.issue(page.next_position, scope, deps.deployment_id, now),
    )


def _states(words: str | None) -> frozenset[State]:
    try:
        return frozenset(State(word) for word in words.split(",")) if words else frozenset(State)
    except ValueError as exc:
        known = ", ".join(state.value for state in State)
        raise ValidationFailed([("status", f"status must be one of {known}")]) from exc
