"""The agent on a session's machine: brought with the launch, and what it last told.

Each machine gets a token of its own, made with its launch and kept as a hash only, as its host key
is: see docs/decisions. The caller's token is another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from gpu_shopper.core.agents import (
    ROOM_CHARS,
    AgentStatus,
    Beat,
    install_command,
    is_of,
    status_of,
)
from gpu_shopper.core.api_keys import digest
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Session
from gpu_shopper.core.templates import Template
from gpu_shopper.errors import ValidationFailed
from gpu_shopper.store import beats
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.wishes import NewSession


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """The command that installs the agent of one machine, and the hash of the token in it."""

    command: str | None = field(default=None, repr=False)
    token_sha256: str | None = None

    @property
    def remembered(self) -> dict[str, Any]:
        """What the attempt must know before its machine is asked for."""
        return {"agent_token_sha256": self.token_sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a caller is told of the agent; `at` is None until it has reported."""

    status: AgentStatus | None
    at: datetime | None = None
    idle_s: int | None = None
    gpu_util_pct: Decimal | None = None
    memory_used_mb: int | None = None


def check_agent(wanted: NewSession, template: Template | None) -> None:
    """Raises ValidationFailed when the agent and the start-up command do not fit together."""
    if not wanted.agent:
        return
    most = FACTS[wanted.provider].start_up_chars - ROOM_CHARS
    own = wanted.on_start_cmd
    if len(own or "") > most:
        text = f"on_start_cmd must be at most {most} characters beside the agent"
        raise ValidationFailed([("on_start_cmd", text)])
    if own is None and template is not None and len(template.onstart or "") > most:
        text = "agent must be false: the start script of the template leaves no room for it"
        raise ValidationFailed([("agent", text)])


def new_agent(deps: Deps, session: Session) -> AgentSetup:
    """The agent for the machine of the current attempt, if one is wanted and there is room."""
    if not session.wish.agent:
        return AgentSetup()
    token = deps.new_secret()
    command = install_command(session, token, deps.api_url)
    length = len(f"{command}\n{session.wish.start_up or ''}")
    if length > FACTS[session.attempt.provider].start_up_chars:
        return AgentSetup()
    return AgentSetup(command, digest(token))


def reported(deps: Deps, sessions: Iterable[Session]) -> dict[str, Reported]:
    """What the agents of these sessions last told, by session; nothing of one without an agent."""
    with_agent = [one for one in sessions if one.wish.agent]
    if not with_agent:
        return {}
    found = beats.find_many(deps.sessions, (one.id for one in with_agent))
    return {one.id: _reported(deps, one, found.get(one.id)) for one in with_agent}


def _reported(deps: Deps, session: Session, last: Beat | None) -> Reported:
    beat = last if last and is_of(last, session) else None
    status = status_of(beat, deps.now(), deps.settings) if session.is_live else None
    if beat is None:
        return Reported(status=status)
    return Reported(
        status=status,
        at=beat.at,
        idle_s=beat.idle_s,
        gpu_util_pct=beat.gpu_util_pct,
        memory_used_mb=beat.memory_used_mb,
    )
