"""Requests that are sent again: known by their Idempotency-Key, and by the body they came with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gpu_shopper.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request for a session that may be sent again: its key is one of its consumer's own."""

    consumer_id: str
    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequest:
    """The request that made a session, for as long as its key stands for it.

    `secrets_sealed` is what its answer showed once, encrypted for the session; None when there
    was nothing secret, and again once that cannot be shown any more.
    """

    request: KeyedRequest
    session_id: str
    at: datetime
    secrets_sealed: str | None = field(default=None, repr=False)

    def key_free_after(self, settings: Settings) -> datetime:
        """The last instant at which the key still stands for this request."""
        return self.at + timedelta(hours=settings.idempotency_hours)

    def secrets_until(self, settings: Settings) -> datetime:
        """The last instant at which a repeat shows the secrets again."""
        return self.at + timedelta(seconds=settings.secrets_again_s)


def body_digest(body: Any) -> str:
    """SHA-256 of a JSON value: the same for every way to write it, and it tells nothing of it."""
    text = json.dumps(_by_value(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _by_value(value: Any) -> Any:
    """JSON knows numbers only: 1 and 1.0 are the same one."""
    if isinstance(value, dict):
        return {name: _by_value(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_by_value(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
