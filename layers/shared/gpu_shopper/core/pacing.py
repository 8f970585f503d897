"""Spacing of calls to a provider: who goes first, and how long a call may wait for its turn.

Providers refuse calls of one kind that come too soon after each other. Calls to one endpoint
therefore stand in one line that all functions share; see `docs/decisions` for the whole story.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from gpu_shopper.core.settings import Settings


class Turn(StrEnum):
    """What a call is for, and so where in the line it stands."""

    TERMINATE = "terminate"
    """Before everybody but earlier terminates, and sent however long the line is."""
    LAUNCH = "launch"
    USUAL = "usual"
    REFRESH = "refresh"
    """Gives way: it is sent when nobody stands in the line."""


class Pace(Protocol):
    """Waits until a call may be sent. Raises TooSoon when that would take too long."""

    def __call__(self, endpoint: str, turn: Turn, /) -> None: ...


_PATIENCE_S: dict[Turn, Callable[[Settings], int]] = {
    Turn.TERMINATE: lambda settings: settings.pace_terminate_wait_s,
    Turn.LAUNCH: lambda settings: settings.pace_launch_wait_s,
    Turn.USUAL: lambda settings: settings.pace_wait_s,
    Turn.REFRESH: lambda settings: settings.pace_refresh_wait_s,
}


def patience_s(turn: Turn, settings: Settings) -> int:
    """How long a call waits for its turn at most."""
    return _PATIENCE_S[turn](settings)


def spaced_ms(interval_ms: int, settings: Settings) -> int:
    """Milliseconds between two calls as we send them; 0 when they are not spaced.

    Calls do not arrive as evenly as they are sent: a new connection costs a few round trips, one
    that is kept open costs one.
    """
    return interval_ms + settings.pace_margin_ms if interval_ms else 0
