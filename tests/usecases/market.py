"""Sessions that want retries, and offers for them."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.offers import Offer
from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import EndReason
from tests.builders import an_offer
from tests.fakes import FakeProbe
from tests.usecases.player import Player
from tests.world import World


def another(number: int, **changes: Any) -> Offer:
    """An offer like the first, on a machine of its own."""
    return an_offer(
        id=f"vastai-{number}", provider_id=f"{number}", machine_id=f"m{number}", **changes
    )


def wanting_retries(world: World, **more: Any) -> str:
    """A session whose caller wants further attempts; its id."""
    return world.create(auto_retry=True, **more).session.id


def failing_over_ssh(world: World, **more: Any) -> tuple[str, Player]:
    """One whose machine never answers over SSH, and who plays it."""
    session_id = wanting_retries(world, ssh_timeout_min=1, **more)
    return session_id, Player(world, FakeProbe([SshResult.TIMEOUT]))


def until_failing(world: World, player: Player, session_id: str) -> None:
    """Play until the current attempt's machine is being torn down."""
    while not world.session(session_id).is_tearing_down:
        player.next()


def offers(world: World, session_id: str) -> list[str]:
    """The offers of all attempts, in order."""
    return [one.offer_id for one in world.session(session_id).attempts]


def outcomes(world: World, session_id: str) -> list[tuple[Outcome, EndReason | None]]:
    """How all attempts stand, in order."""
    return [(one.outcome, one.reason) for one in world.session(session_id).attempts]
