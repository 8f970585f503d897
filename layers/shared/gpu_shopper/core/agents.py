"""The optional agent on a machine: its installation, its heartbeats, and what follows from them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from gpu_shopper.core.agent_program import PROGRAM
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import Event, State

ROOM_CHARS = 3_000
"""What the agent takes at most of the start-up commands that a provider runs."""
_TOOLS = "python3 ca-certificates"
_UNPACK = "import base64,zlib;exec(zlib.decompress(base64.b85decode({}),-15))"


class AgentStatus(StrEnum):
    """How the agent of a live session stands; the words shown to callers."""

    WAITING = "waiting"
    REPORTING = "reporting"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The last heartbeat that was kept of a session's attempt; `at` is our clock.

    None in `idle_s` and the others means unknown.
    """

    session_id: str
    attempt: int
    at: datetime
    idle_s: int | None = None
    gpu_util_pct: Decimal | None = None
    memory_used_mb: int | None = None
    status: str | None = None


def install_command(session: Session, token: str, api_url: str) -> str:
    """One line for a machine's shell: runs the agent beside whatever comes next.

    It brings Python where there is none, as in NVIDIA's plain images of CUDA.
    """
    env = {
        "SHOPPER_SESSION_ID": session.id,
        "SHOPPER_AGENT_TOKEN": token,
        "SHOPPER_EXPIRES_AT": to_text(session.expires_at),
        "SHOPPER_URL": api_url,
    }
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items())
    program = _UNPACK.format(f'"{PROGRAM}"')
    tools = f"{{ apt-get update;apt-get install -y {_TOOLS};}}"
    return f"(command -v python3||{tools};{settings} exec python3 -c '{program}')>/dev/null 2>&1 &"


def status_of(beat: Beat | None, now: datetime, settings: Settings) -> AgentStatus:
    """How the agent stands whose last heartbeat is `beat`."""
    if beat is None:
        return AgentStatus.WAITING
    fresh = now - beat.at <= timedelta(seconds=settings.heartbeat_fresh_s)
    return AgentStatus.REPORTING if fresh else AgentStatus.SILENT


def is_of(beat: Beat, session: Session) -> bool:
    """Whether `beat` came from the machine of the current attempt; an earlier one says nothing."""
    return beat.attempt == session.attempt.number


def is_idle(beat: Beat, threshold_min: int) -> bool:
    """Idle for longer, strictly, than the caller allows; 0 allows for ever, unknown is not idle."""
    return threshold_min > 0 and beat.idle_s is not None and beat.idle_s > threshold_min * 60


def due_at(beat: Beat, threshold_min: int, settings: Settings) -> datetime:
    """When the sweep has to look at `beat`: at once if idle, else when it has become silence."""
    if is_idle(beat, threshold_min):
        return beat.at
    return beat.at + timedelta(seconds=settings.heartbeat_silent_s)


def end_of(session: Session, beat: Beat, now: datetime, settings: Settings) -> Event | None:
    """What ends a running session because of its last heartbeat; None while nothing does."""
    if session.state is not State.RUNNING or not is_of(beat, session):
        return None
    if has_fallen_silent(beat, now, settings):
        return Event.HEARTBEAT_TIMEOUT
    fresh = now - beat.at <= timedelta(seconds=settings.heartbeat_fresh_s)
    return Event.IDLE if fresh and is_idle(beat, session.wish.idle_threshold_min) else None


def has_fallen_silent(beat: Beat, now: datetime, settings: Settings) -> bool:
    """The last heartbeat is longer ago, strictly, than an agent may be silent."""
    return now - beat.at > timedelta(seconds=settings.heartbeat_silent_s)


def is_our_fault(silent: Beat, known: Iterable[Beat], now: datetime, settings: Settings) -> bool:
    """Whether so many agents fell silent with this one that not their machines have failed.

    More than half of all `known`, and at least two, whose last heartbeats lie within one time-out
    of each other. Who has only just become quiet counts: the outage has one begin for all.
    """
    window = timedelta(seconds=settings.heartbeat_silent_s)
    beats = list(known)
    together = [
        one
        for one in beats
        if abs(one.at - silent.at) <= window and status_of(one, now, settings) is AgentStatus.SILENT
    ]
    return len(together) >= 2 and 2 * len(together) > len(beats)
