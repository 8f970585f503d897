"""Parts of the life of sessions with an agent."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.usecases import heartbeats
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.builders import an_offer
from tests.fakes import FakeProbe
from tests.world import World

API_URL = "https://api.example/prod"


def rented(world: World, **changes: Any) -> tuple[str, str]:
    """A running session with an agent, and its caller's token."""
    created = world.create(**{"agent": True, **changes})
    session_id = created.session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    verify(world.deps, FakeProbe(), session_id, 1)
    assert world.session(session_id).state is State.RUNNING
    return session_id, created.secrets.get("agent_token") or ""


def beat(world: World, session_id: str, token: str, idle_s: int | None = None) -> Session:
    session = heartbeats.authenticate(world.deps, session_id, f"Bearer {token}")
    told = {"gpu_util_pct": None, "memory_used_mb": None, "status": None}
    heartbeats.receive(world.deps, session, idle_s=idle_s, **told)
    return session


def sweep(world: World, seconds: float = 0) -> None:
    """The sweep of every minute, until `seconds` have passed; the last one at the end."""
    while seconds > 60:
        world.clock.tick(60)
        expire_sessions(world.deps)
        seconds -= 60
    world.clock.tick(seconds)
    expire_sessions(world.deps)


def machines_token(world: World) -> str:
    """The token in the start-up command of the newest machine."""
    command = world.vast.requests[-1].agent_cmd or ""
    return command.partition("SHOPPER_AGENT_TOKEN=")[2].split()[0]


def several(world: World, number: int, **changes: Any) -> list[tuple[str, str]]:
    offers = [
        an_offer(id=f"vastai-{n}", provider_id=str(n), machine_id=str(n))
        for n in range(3_001, 3_001 + number)
    ]
    world.vast.offers = offers
    world.clock.tick(1)
    world.publish()
    return [rented(world, offer_id=one.id, **changes) for one in offers]


def states(world: World, sessions: list[tuple[str, str]]) -> list[str]:
    return [world.session(session_id).state.value for session_id, _ in sessions]
