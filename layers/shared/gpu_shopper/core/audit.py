"""The audit: who did what, from where. Written once with what it tells of, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

OPERATIONS = (
    "session_created",
    "attempt_started",
    "attempt_ending",
    "attempt_failed",
    "retry_succeeded",
    "retry_exhausted",
    "instance_launched",
    "instance_adopted",
    "instance_destroyed",
    "session_running",
    "session_extended",
    "session_stopping",
    "session_expiring",
    "session_expired",
    "session_destroyed",
    "hard_max_overridden",
    "hard_max_enforced",
    "idle_shutdown",
    "heartbeat_timeout",
    "budget_shutdown",
    "drain_started",
    "drain_ended",
    "destroy_delayed",
    "host_key_changed",
    "orphan_detected",
    "orphan_destroyed",
    "orphan_destroy_requested",
    "orphan_adopted",
    "ghost_detected",
    "ghost_fixed",
    "offer_suppressed",
    "provider_auth_failed",
    "provider_unavailable",
    "provider_recovered",
    "budget_set",
    "budget_deleted",
    "budget_alert",
    "key_created",
    "key_revoked",
    "webhook_created",
    "webhook_deleted",
    "webhook_disabled",
    "benchmark_run_started",
    "benchmark_run_cancelled",
    "watchdog_triggered",
    "deployment_started",
)
"""What is stored; any other fact is a log line and its metrics only."""


class ActorType(StrEnum):
    """By what a thing was done."""

    API_KEY = "api_key"
    LIFECYCLE = "lifecycle"
    RECONCILER = "reconciler"
    STATE_MACHINE = "state_machine"
    WATCHDOG = "watchdog"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True)
class Origin:
    """On whose behalf a function runs now; id and address of the request, if it answers one."""

    actor: ActorType
    key_id: str | None = None
    request_id: str | None = None
    source_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One fact. `details` of a transition hold from, to, event and the session's new version."""

    id: str
    at: datetime
    operation: str
    origin: Origin
    session_id: str | None = None
    consumer_id: str | None = None
    provider: str | None = None
    instance_id: str | None = None
    attempt: int | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which events are wanted: those of [`start`, `end`) that have all that is named."""

    start: datetime | None
    end: datetime
    session_id: str | None = None
    consumer_id: str | None = None
    provider: str | None = None
    operation: str | None = None
    newest_first: bool = True
