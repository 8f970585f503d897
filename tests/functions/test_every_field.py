"""Every field of POST /sessions does something: what, is written here, and a new one must be too.

Two requests that differ in the one field lead to a machine, a deadline, an attempt or an end that
differs; being shown in the answer is not enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gpu_shopper.core.agents import Beat, end_of
from gpu_shopper.core.deadlines import attempt_deadline
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.edge.bodies import CreateSessionBody
from gpu_shopper.errors.provider import OfferGone
from gpu_shopper.usecases import sessions as use_case
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.builders import PUBLIC_KEY, TEMPLATE_HASH, an_offer
from tests.fakes import FakeProbe
from tests.functions.calls import CONSUMER, OPERATOR, OTHER, Client, Reply
from tests.functions.rentals import SERVED, post
from tests.usecases.market import another
from tests.world import ALICE, BOB, World

SHOWN_ONLY = {"workload_type"}
"""A word of the caller's for those who list sessions; nothing depends on it."""

MODEL = "meta-llama/Llama-3.1-70B"
RETRYING = {"auto_retry": True, "max_retries": 3, "retry_scope": "any"}

type Seen = Callable[[World, Session], object]


def rented(world: World, session: Session) -> Any:
    """What the provider is asked for."""
    launch(world.deps, session.id, 1)
    return world.vast.requests[-1]


def offer(world: World, session: Session) -> object:
    return rented(world, session).offer.id


def disk(world: World, session: Session) -> object:
    return rented(world, session).disk_gb


def image(world: World, session: Session) -> object:
    return rented(world, session).image


def template(world: World, session: Session) -> object:
    return rented(world, session).template_hash_id


def command(world: World, session: Session) -> object:
    return rented(world, session).on_start_cmd


def ports(world: World, session: Session) -> object:
    return rented(world, session).exposed_ports


def entrypoint(world: World, session: Session) -> object:
    return rented(world, session).entrypoint


def installs_agent(world: World, session: Session) -> object:
    return rented(world, session).agent_cmd is not None


def takes_key(world: World, session: Session) -> object:
    return PUBLIC_KEY in rented(world, session).ssh_public_keys


def owner(_: World, session: Session) -> object:
    return session.consumer_id


def length(_: World, session: Session) -> object:
    return session.expires_at - session.created_at


def patience(world: World, session: Session) -> object:
    launch(world.deps, session.id, 1)
    launched = world.session(session.id)
    return attempt_deadline(launched, launched.attempt) - launched.created_at


def attempts(world: World, session: Session) -> object:
    """How often it is tried while every offer turns out to be gone."""
    world.vast.errors["launch"] = [OfferGone("no_such_ask")]
    for number in range(1, 5):
        launch(world.deps, session.id, number)
    return len(world.session(session.id).attempts)


def _running(world: World, session: Session) -> Session:
    launch(world.deps, session.id, 1)
    look(world.deps, session.id, 1)
    verify(world.deps, FakeProbe(), session.id, 1)
    running = world.session(session.id)
    assert running.state is State.RUNNING
    return running


def asked_path(world: World, session: Session) -> object:
    _running(world, session)
    return world.api.asked[-1][1]


def drained_for(world: World, session: Session) -> object:
    """How long the machine stays after `done`."""
    _running(world, session)
    caller = {"alice": ALICE, "bob": BOB}[session.consumer_id]
    use_case.request_stop(world.deps, caller, session.id)
    ending = world.session(session.id)
    return ending.drain_until and ending.drain_until - world.clock.at


def end_when_idle(world: World, session: Session) -> object:
    """What follows from an agent that has reported eleven idle minutes."""
    running = _running(world, session)
    beat = Beat(session_id=running.id, attempt=1, at=world.clock.at, idle_s=660)
    return end_of(running, beat, world.clock.at, world.deps.settings)


@dataclass(frozen=True)
class Effect:
    """Two values of a field, what else both requests say, and what they lead to."""

    one: Any
    other: Any
    seen: Seen
    said: dict[str, Any] = field(default_factory=dict)


EFFECTS = {
    "consumer_id": Effect("alice", "bob", owner),
    "offer_id": Effect("vastai-1001", "vastai-1002", offer),
    "reservation_hours": Effect(2, 3, length),
    "ssh_public_key": Effect(..., PUBLIC_KEY, takes_key),
    "auto_retry": Effect(False, True, attempts, RETRYING),
    "max_retries": Effect(1, 2, attempts, RETRYING),
    "retry_scope": Effect("same_gpu", "any", attempts, RETRYING),
    "max_price": Effect(1.0, 0.41, attempts, RETRYING),
    "disk_gb": Effect(60, 70, disk),
    "ssh_timeout_minutes": Effect(5, 6, patience),
    "docker_image": Effect(..., "pytorch/pytorch:2.5", image),
    "template_hash_id": Effect(..., TEMPLATE_HASH, template),
    "on_start_cmd": Effect("touch /one", "touch /other", command),
    "model_id": Effect(..., MODEL, disk),
    "quantization": Effect("FP16", "INT4", disk, {"model_id": MODEL}),
    "launch_mode": Effect("entrypoint", "ssh", entrypoint, SERVED),
    "exposed_ports": Effect([8000], [8000, 9000], ports, SERVED),
    "health_path": Effect("/", "/health", asked_path, SERVED),
    "storage_policy": Effect("destroy", "preserve", drained_for),
    "drain_minutes": Effect(5, 6, drained_for, {"storage_policy": "preserve"}),
    "idle_threshold_minutes": Effect(10, 11, end_when_idle),
    "agent": Effect(False, True, installs_agent),
}


def test_the_list_is_of_every_field_that_is_accepted() -> None:
    """X-17."""
    assert set(EFFECTS) | SHOWN_ONLY == set(CreateSessionBody.model_fields)
    assert not set(EFFECTS) & SHOWN_ONLY


@pytest.fixture
def market(wired: World) -> World:
    """Two equal offers, a dearer one, and one of another GPU with as much memory."""
    wired.vast.offers = [
        an_offer(),
        another(1002),
        another(1003, price_microusd_per_hour=420_000),
        another(1004, gpu_type="A5000"),
    ]
    wired.publish_templates()
    return wired


def _posted(market: World, sessions: Client, name: str, value: Any, caller: Any) -> object:
    effect = EFFECTS[name]
    market.clock.tick(1)  # for a snapshot that shows again what was rented, or said to be gone
    market.publish()
    market.vast.errors.clear()
    reply: Reply = post(sessions, caller, **(effect.said | {name: value}))
    assert reply.status == 201, reply.text
    session = market.session(reply.json["session"]["id"])
    return effect.seen(market, session)


@pytest.mark.parametrize("name", list(EFFECTS))
def test_another_value_of_a_field_leads_to_something_else(
    market: World, sessions: Client, name: str
) -> None:
    """X-17, N-63, N-48."""
    callers = (OPERATOR, OPERATOR) if name == "consumer_id" else (CONSUMER, OTHER)
    effect = EFFECTS[name]
    first = _posted(market, sessions, name, effect.one, callers[0])
    assert first != _posted(market, sessions, name, effect.other, callers[1])
