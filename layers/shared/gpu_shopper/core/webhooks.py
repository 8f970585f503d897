"""Webhooks: who hears of what, at which addresses, and how a message is signed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import Event, State

CONSUMER_EVENTS = (
    "session.running",
    "session.retrying",
    "session.expiring",
    "session.stopping",
    "session.stopped",
    "session.failed",
    "session.host_key_changed",
    "budget.warning",
    "budget.exceeded",
)
BUDGET_EVENTS = ("budget.warning", "budget.exceeded")
"""What the receiver of a budget's alerts hears."""

DEPLOYMENT_EVENTS = (
    *CONSUMER_EVENTS,
    "orphan.detected",
    "ghost.detected",
    "destroy.delayed",
    "provider.unavailable",
    "provider.recovered",
    "provider.auth_failed",
)
TEST_EVENT = "webhook.test"
SECRET_PREFIX = "whsec_"  # noqa: S105 - not a secret, its beginning
GONE = 410
MAX_URL_CHARS = 2_048

_BY_OPERATION = {
    "session_running": "session.running",
    "session_expiring": "session.expiring",
    "host_key_changed": "session.host_key_changed",
    "orphan_detected": "orphan.detected",
    "ghost_detected": "ghost.detected",
    "destroy_delayed": "destroy.delayed",
    "provider_unavailable": "provider.unavailable",
    "provider_recovered": "provider.recovered",
    "provider_auth_failed": "provider.auth_failed",
}
_BY_DETAILS = (
    "attempt_failed",
    "session_stopping",
    "session_expired",
    "hard_max_enforced",
    "idle_shutdown",
    "heartbeat_timeout",
    "budget_shutdown",
    "session_destroyed",
    "budget_alert",
)
HEARD = (*_BY_OPERATION, *_BY_DETAILS)
"""The operations that may be of interest to a webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A receiver. `consumer_id` None hears of the whole deployment.

    One `of_budget` is set with the consumer's budget, and hears of that alone.
    """

    id: str
    url: str
    events: tuple[str, ...]
    secret_sealed: str = field(repr=False)
    created_at: datetime
    consumer_id: str | None = None
    description: str | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    consecutive_failures: int = 0
    of_budget: bool = False

    def wants(self, event: str) -> bool:
        """True while it is to be told of `event`."""
        return self.enabled and event in self.events


class Outcome(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one receiver, with all its tries; `at` is when it was prepared."""

    delivery_id: str
    event: str
    at: datetime
    tries: int
    outcome: Outcome
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of one request: a status, or why there was none."""

    duration_ms: int
    status_code: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """True for any 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way to one receiver: `body` is sent as it is, not before `due_at`."""

    webhook_id: str
    delivery_id: str
    event: str
    at: datetime
    due_at: datetime
    body: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that a request needs; `path` with its query."""

    is_tls: bool
    host: str
    port: int
    path: str


def event_of(operation: str, details: Mapping[str, Any]) -> str | None:
    """What webhooks call this audit event; None when they hear nothing of it."""
    if operation in _BY_OPERATION:
        return _BY_OPERATION[operation]
    if operation not in _BY_DETAILS:
        return None
    if details.get("event") == Event.RETRY_LAUNCH.value:
        return "session.retrying"
    if details.get("to") == State.STOPPING.value:
        return "session.stopping"
    ended = {State.STOPPED.value: "session.stopped", State.FAILED.value: "session.failed"}
    if operation == "session_destroyed":
        return ended.get(str(details.get("status")))
    alerts = {"warning": "budget.warning", "exceeded": "budget.exceeded"}
    return alerts.get(str(details.get("alert_type")))


def target_of(url: str, *, public_only: bool) -> Target:
    """The parts of `url`. Raises ValueError that says, for people, what is wrong with it.

    With `public_only` it must be https, at port 443 or one from 1024 on.
    """
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"must be at most {MAX_URL_CHARS} characters of printable ASCII")
    parts, port = _split(url)
    if parts.scheme != "https" and (public_only or parts.scheme != "http"):
        raise ValueError("must begin with https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("must not contain a user or a password")
    if "#" in url:
        raise ValueError("must not contain a fragment")
    if not parts.hostname:
        raise ValueError("must name a host")
    return _target(parts.hostname, _port(port, parts.scheme, public_only), parts)


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError as exc:
        raise ValueError("must have a host, and a port up to 65535 if any") from exc


def _port(given: int | None, scheme: str, public_only: bool) -> int:
    port = given if given is not None else (443 if scheme == "https" else 80)
    if public_only and port != 443 and port < 1024:
        raise ValueError("must use port 443, or one from 1024 on")
    return port


def _target(host: str, port: int, parts: SplitResult) -> Target:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_tls=parts.scheme == "https", host=host, port=port, path=path)


def signature(secret: str, timestamp_s: int, body: bytes) -> str:
    """What the receiver compares: HMAC-SHA-256 of time and body."""
    signed = str(timestamp_s).encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def wait_before_next_s(tries: int, settings: Settings) -> int | None:
    """Seconds from the `tries`-th failed try to the next; None after the last one."""
    waits = (
        settings.webhook_wait_1_s,
        settings.webhook_wait_2_s,
        settings.webhook_wait_3_s,
        settings.webhook_wait_4_s,
    )
    return waits[tries - 1] if tries <= len(waits) else None
