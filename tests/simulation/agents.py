"""Agents of simulated sessions: what they report, and that they end no session without a cause."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import EndReason
from gpu_shopper.errors import Unauthorized
from gpu_shopper.usecases import heartbeats
from gpu_shopper.usecases.deps import Deps
from tests.simulation.executions import Failure
from tests.simulation.instants import ms_of
from tests.simulation.plan import Agent
from tests.simulation.scheduler import MINUTE, SECOND, Scheduler, Violation

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

type Item = dict[str, Any]

EVERY_MS = MINUTE
IDLE_THRESHOLD_MIN = 5
REPORTS_BEFORE_SILENCE = 4
SWEEP_MAX_MS = 3 * MINUTE
"""A sweep may have looked so long before it wrote; meanwhile the agent may have come back."""

_SETTINGS = Settings()


class Reports:
    """The heartbeats of one session, each from a function run of its own."""

    def __init__(
        self, kind: Agent, run: Callable[[Callable[[Deps], Any], Callable[[Any], None]], None]
    ) -> None:
        self._kind = kind
        self._run = run
        self._sent = 0

    def begin(self, scheduler: Scheduler, session_id: str, token: str) -> None:
        """Plan all of them; they end with the session, or with the agent's silence."""
        if self._kind is Agent.NEVER_REPORTS:
            return

        def report() -> None:
            self._sent += 1
            idle_s = self._sent * EVERY_MS // SECOND if self._kind is Agent.IDLES else 0
            self._run(lambda deps: _received(deps, session_id, token, idle_s), told)

        def told(answer: Any) -> None:
            over = isinstance(answer, Failure) and isinstance(answer.cause, Unauthorized)
            silent = self._kind is Agent.FALLS_SILENT and self._sent >= REPORTS_BEFORE_SILENCE
            if not over and not silent:
                scheduler.after(EVERY_MS, report)

        scheduler.after(EVERY_MS, report)


def _received(deps: Deps, session_id: str, token: str, idle_s: int) -> None:
    session = heartbeats.authenticate(deps, session_id, f"Bearer {token}")
    heartbeats.receive(
        deps, session, idle_s=idle_s, gpu_util_pct=None, memory_used_mb=None, status=None
    )


class AgentWatch:
    """Sees every heartbeat that was kept, and every end for one."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._kept: dict[str, list[Item]] = {}

    def written(self, before: Item | None, after: Item | None) -> None:
        """A row of the sessions table was written. Raises Violation."""
        if after is None:
            return
        if after["sk"] == "BEAT" and (before is None or before["at"] != after["at"]):
            self._kept.setdefault(after["session_id"], []).append(after)
        if after["sk"] == "SESSION" and before is not None and "end_reason" not in before:
            self._check(after)

    def _check(self, item: Item) -> None:
        reason, now_ms = item.get("end_reason"), self._deployment.watch.now_ms
        kept = self._kept.get(item["id"], [])
        if reason == EndReason.IDLE and not self._idled(item, kept, now_ms):
            raise Violation(f"N-63 session {item['id']} ended as idle and was not")
        if reason == EndReason.HEARTBEAT_TIMEOUT and not self._was_silent(kept, now_ms):
            raise Violation(f"N-63 session {item['id']} ended for a silence that was none")

    def _idled(self, item: Item, kept: list[Item], now_ms: int) -> bool:
        limit_s = int(item["wish"]["idle_threshold_min"]) * 60
        since_ms = now_ms - _SETTINGS.heartbeat_fresh_s * SECOND - SWEEP_MAX_MS
        recent = [one for one in kept if ms_of(one["at"]) >= since_ms]
        return 0 < limit_s < max((int(one.get("idle_s", 0)) for one in recent), default=0)

    def _was_silent(self, kept: list[Item], now_ms: int) -> bool:
        """Some gap between two heartbeats was too long, and lasted until a moment ago."""
        at_ms = [*(ms_of(one["at"]) for one in kept), now_ms]
        most_ms = _SETTINGS.heartbeat_silent_s * SECOND
        return any(b - a > most_ms and b >= now_ms - SWEEP_MAX_MS for a, b in pairwise(at_ms))
