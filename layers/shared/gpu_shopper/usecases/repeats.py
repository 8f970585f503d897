"""Requests for sessions that are sent again: one session for all, its secrets for a while."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gpu_shopper.core.repeats import FirstRequest, KeyedRequest
from gpu_shopper.core.session import Session
from gpu_shopper.errors import IdempotencyMismatch
from gpu_shopper.store import repeats as store
from gpu_shopper.usecases.deps import Deps, Fact

type Secrets = Mapping[str, str]
"""What an answer shows once, by the name of its field there."""


def first_of(deps: Deps, request: KeyedRequest) -> FirstRequest | None:
    """The request that `request` repeats; None while its key is free.

    Raises: IdempotencyMismatch when the key stands for a request with another body.
    """
    first = store.find(deps.sessions, request)
    if first is None or deps.now() > first.key_free_after(deps.settings):
        return None
    if first.request.body_sha256 != request.body_sha256:
        raise IdempotencyMismatch("this Idempotency-Key was first sent with another body")
    return first


def begun(deps: Deps, request: KeyedRequest, session: Session, secrets: Secrets) -> FirstRequest:
    """`request` as the first one with its key, which makes `session`."""
    text = json.dumps(dict(secrets)) if secrets else None
    return FirstRequest(
        request=request,
        session_id=session.id,
        at=session.created_at,
        secrets_sealed=deps.repeat_cipher.seal(session.id, text) if text else None,
    )


def secrets_again(deps: Deps, first: FirstRequest) -> Secrets:
    """What the first answer showed once, for as long as a repeat may show it; else nothing."""
    sealed = first.secrets_sealed
    if sealed is None or deps.now() > first.secrets_until(deps.settings):
        return {}
    opened: Secrets = json.loads(deps.repeat_cipher.open(first.session_id, sealed))
    return opened


def forget_secrets(deps: Deps) -> None:
    """Remove all secrets that no repeat may see any more; one failure does not stop the rest."""
    now = deps.now()
    for key in store.with_secrets_before(deps.sessions, now):
        try:
            store.forget_secrets(deps.sessions, key, now)
        except Exception as exc:  # noqa: BLE001  (the others' must not stay for this one's sake)
            deps.note(Fact("sweep_item_failed", reason=type(exc).__name__))
