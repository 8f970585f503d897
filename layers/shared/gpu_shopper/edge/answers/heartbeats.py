"""What is told to agents, and of them."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.answers.values import Shown, instant
from gpu_shopper.usecases.agents import Reported


def told_of(told: Reported | None) -> dict[str, Any]:
    """The fields of a session that its agent fills."""
    known = told or Reported(status=None)
    return {
        "agent_status": known.status.value if known.status else None,
        "last_heartbeat_at": instant(known.at),
        "idle_seconds": known.idle_s,
        "gpu_util_pct": None if known.gpu_util_pct is None else float(known.gpu_util_pct),
        "memory_used_mb": known.memory_used_mb,
    }


class HeartbeatAnswer(Shown):
    """What an agent must know: how long the session is reserved, and when to report again."""

    status: str = "ok"
    session_id: str
    session_status: str
    expires_at: str
    drain_until: str | None = None
    next_heartbeat_seconds: int
