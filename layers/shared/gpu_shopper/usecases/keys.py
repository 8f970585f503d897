"""API keys: made, listed and revoked by operators; checked on every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from gpu_shopper.core.api_keys import (
    BOOTSTRAP_KEY_ID,
    ApiKey,
    Caller,
    Role,
    digest,
    formatted,
    matches,
    parsed,
)
from gpu_shopper.errors import Conflict, IllegalTransition, KeyNotFound, Unauthorized
from gpu_shopper.store import access as store
from gpu_shopper.store.transactions import Put
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its text, which is shown this once."""

    key: ApiKey
    text: str = field(repr=False)


def create_key(
    deps: Deps,
    caller: Caller,
    role: Role,
    consumer_id: str | None,
    name: str | None,
    expires_at: datetime | None,
) -> NewKey:
    """Make a key. Only the SHA-256 of its secret is stored."""
    secret = deps.new_secret()
    key = ApiKey(
        id=deps.new_id()[-8:],
        role=role,
        secret_sha256=digest(secret),
        created_at=deps.now(),
        created_by=caller.key_id,
        consumer_id=consumer_id,
        name=name,
        expires_at=expires_at,
    )
    made = _about(key, "key_created", caller)
    store.create_key(deps.access, key, audited(deps, [made]))
    deps.note(made)
    return NewKey(key, formatted(key.id, secret))


def list_keys(
    deps: Deps, wanted: Callable[[ApiKey], bool], after: str | None, limit: int
) -> tuple[list[ApiKey], str | None]:
    """Up to `limit` keys that `wanted` lets pass, and the id to go on from."""
    matching = (key for key in store.all_keys(deps.access, after) if wanted(key))
    page = list(islice(matching, limit + 1))
    more = len(page) > limit
    return page[:limit], page[limit - 1].id if more else None


def revoke_key(deps: Deps, caller: Caller, key_id: str) -> ApiKey:
    """Revoke a key; again gives the same answer.

    Raises: KeyNotFound; IllegalTransition for the last valid operator key; Conflict.
    """
    key = store.find_key(deps.access, key_id)
    if key is None:
        raise KeyNotFound("key not found")
    if key.revoked_at is not None:
        return key
    fact = _about(key, "key_revoked", caller)
    beside, now = audited(deps, [fact]), deps.now()
    if key.role is Role.OPERATOR:
        revoked = _revoke_operator(deps, key, beside)
    else:
        revoked = store.revoke_key(deps.access, key, now, beside)
    if revoked.revoked_at == now:
        deps.note(fact)
    return revoked


def _about(key: ApiKey, operation: str, caller: Caller) -> Fact:
    return Fact(
        operation,
        consumer_id=key.consumer_id,
        actor="api_key",
        key_id=caller.key_id,
        details={"about_key_id": key.id, "role": key.role.value},
    )


def _revoke_operator(deps: Deps, key: ApiKey, beside: list[Put]) -> ApiKey:
    """Two last keys cannot revoke each other: the second write sees the first one's."""
    version = store.operators_version(deps.access)
    if _is_last_operator(deps, key):
        raise IllegalTransition(
            "the last valid operator key cannot be revoked", status="active", allowed_events=[]
        )
    return store.revoke_operator_key(deps.access, key, deps.now(), version, beside)


def _is_last_operator(deps: Deps, key: ApiKey) -> bool:
    now = deps.now()
    others = (
        one
        for one in store.all_keys(deps.access)
        if one.role is Role.OPERATOR and one.id != key.id and one.is_valid(now)
    )
    return next(others, None) is None


def authenticate(deps: Deps, header: str | None, bootstrap: Callable[[], str]) -> Caller:
    """Who sent this Authorization header. `bootstrap` reads the first operator key's secret.

    Raises: Unauthorized, the same for every cause; an unknown id costs the same comparison.
    """
    scheme, _, text = (header or "").partition(" ")
    identity = parsed(text.strip()) if scheme.lower() == "bearer" else None
    if identity is None:
        raise Unauthorized("a valid API key is required")
    key_id, secret = identity
    key = store.find_key(deps.access, key_id)
    if key is None and key_id == BOOTSTRAP_KEY_ID:
        key = _seed(deps, bootstrap())
    valid = key is not None and key.is_valid(deps.now())
    if not matches(secret, key.secret_sha256 if key else None) or not valid or key is None:
        raise Unauthorized("a valid API key is required")
    store.note_use(deps.access, key, deps.now())
    return Caller(key.id, key.role, key.consumer_id)


def _seed(deps: Deps, secret: str) -> ApiKey:
    """Write the key that the deployment made; a revoked one stays revoked."""
    key = ApiKey(
        id=BOOTSTRAP_KEY_ID,
        role=Role.OPERATOR,
        secret_sha256=digest(secret),
        created_at=deps.now(),
        created_by="deploy",
        name="made by the deployment",
    )
    try:
        store.create_key(deps.access, key)
    except Conflict:
        return store.find_key(deps.access, BOOTSTRAP_KEY_ID) or key
    return key
