"""API key requests in, lists out."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from gpu_shopper.core.api_keys import ApiKey, Caller
from gpu_shopper.core.instants import from_text
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.keys import KeyBody, KeysBody
from gpu_shopper.edge.bodies import CreateKeyBody, KeysQuery
from gpu_shopper.errors import KeyNotFound, ValidationFailed
from gpu_shopper.usecases import keys
from gpu_shopper.usecases.deps import Deps

MAX_KEY_LIFE = timedelta(days=730)


def key_id_of(text: str) -> str:
    """A key id from a path. Raises KeyNotFound for what cannot be one."""
    if re.fullmatch(r"[a-z0-9]{8}", text) is None:
        raise KeyNotFound("key not found")
    return text


def checked_new_key(body: CreateKeyBody, now: datetime) -> datetime | None:
    """When the new key expires, if ever.

    Raises: ValidationFailed when role and consumer clash, or the end is not in the next 2 years.
    """
    if body.role == "consumer" and body.consumer_id is None:
        raise ValidationFailed([("consumer_id", "consumer_id is required")])
    if body.role == "operator" and body.consumer_id is not None:
        raise ValidationFailed([("consumer_id", "consumer_id must be absent")])
    expires_at = from_text(body.expires_at) if body.expires_at else None
    if expires_at is not None and not now < expires_at <= now + MAX_KEY_LIFE:
        text = "expires_at must be in the future and at most 2 years away"
        raise ValidationFailed([("expires_at", text)])
    return expires_at


def listed_keys(deps: Deps, caller: Caller, query: KeysQuery) -> KeysBody:
    """One page of keys that `query` asks for."""

    def wanted(key: ApiKey) -> bool:
        return (
            query.consumer_id in (None, key.consumer_id)
            and query.role in (None, key.role.value)
            and (query.include_revoked or key.revoked_at is None)
        )

    now = deps.now()
    scope = f"keys {caller.key_id} {query.consumer_id} {query.role} {query.include_revoked}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page, next_id = keys.list_keys(deps, wanted, after, query.limit)
    return KeysBody(
        keys=[KeyBody.of(key) for key in page],
        count=len(page),
        next_cursor=cursors.issue(next_id, scope, deps.deployment_id, now),
    )
