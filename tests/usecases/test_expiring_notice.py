"""A session that will expire soon is told of in time, once for each expiry."""

from __future__ import annotations

from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.extending import extend
from tests.usecases.story import running
from tests.world import ALICE, World


def expiries_told(world: World) -> int:
    return world.operations().count("session_expiring")


def test_an_expiry_is_told_once_half_an_hour_before_and_again_after_an_extension(
    world: World,
) -> None:
    """N-76."""
    session_id = running(world)
    left_s = (world.session(session_id).expires_at - world.clock.at).total_seconds()
    world.clock.tick(left_s - 30 * 60 - 1)
    for _ in range(3):
        expire_sessions(world.deps)
    assert expiries_told(world) == 0
    world.clock.tick(1)
    for _ in range(3):
        expire_sessions(world.deps)
    assert expiries_told(world) == 1
    extend(world.deps, ALICE, session_id, 1)
    expire_sessions(world.deps)
    assert expiries_told(world) == 1
    world.clock.tick(3600)
    for _ in range(3):
        expire_sessions(world.deps)
    assert expiries_told(world) == 2
