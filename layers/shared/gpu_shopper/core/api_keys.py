"""API keys: their form, their roles, and whether one is valid now."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

BOOTSTRAP_KEY_ID = "operator"
_KEY = re.compile(r"gsk_(?P<id>[a-z0-9]{8})_(?P<secret>[A-Za-z0-9_-]{43})")


class Role(StrEnum):
    """What a key may do: rent for one consumer, or run the deployment."""

    CONSUMER = "consumer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as we keep it: never its secret, only the SHA-256 of it."""

    id: str
    role: Role
    secret_sha256: str
    created_at: datetime
    created_by: str
    consumer_id: str | None = None
    name: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """True unless revoked or expired at `now`."""
        if self.revoked_at is not None:
            return False
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key behind a request. `consumer_id` is None exactly for operators."""

    key_id: str
    role: Role
    consumer_id: str | None

    def sees(self, consumer_id: str) -> bool:
        """True when this caller may know about that consumer's things."""
        return self.role is Role.OPERATOR or self.consumer_id == consumer_id


def parsed(text: str) -> tuple[str, str] | None:
    """Id and secret of a well-formed key, else None."""
    match = _KEY.fullmatch(text)
    return (match["id"], match["secret"]) if match else None


def formatted(key_id: str, secret: str) -> str:
    """The key as its owner sees it, once."""
    return f"gsk_{key_id}_{secret}"


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored_sha256: str | None) -> bool:
    """Compare in constant time; an unknown key runs the same comparison and fails it."""
    return hmac.compare_digest(digest(secret), stored_sha256 or digest("")) and bool(stored_sha256)
