"""API keys."""

from __future__ import annotations

from gpu_shopper.core.api_keys import ApiKey
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge.answers.values import Shown, instant


class KeyBody(Shown):
    """An API key without its secret."""

    id: str
    role: str
    consumer_id: str | None
    name: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyBody:
        """The key as operators see it."""
        return cls(
            id=key.id,
            role=key.role.value,
            consumer_id=key.consumer_id,
            name=key.name,
            created_at=to_text(key.created_at),
            created_by=key.created_by,
            expires_at=instant(key.expires_at),
            revoked_at=instant(key.revoked_at),
            last_used_at=instant(key.last_used_at),
        )


class NewKeyBody(Shown):
    """A new key; its text is in this answer and in no other."""

    key: KeyBody
    api_key: str


class KeysBody(Shown):
    """One page of keys."""

    keys: list[KeyBody]
    count: int
    next_cursor: str | None = None


class RevokedBody(Shown):
    """A key that is not valid any more."""

    message: str = "key revoked"
    key_id: str
    revoked_at: str
