"""The header by which a request that is sent again is known."""

from __future__ import annotations

import json
import re
from typing import Any

from gpu_shopper.core.repeats import KeyedRequest, body_digest
from gpu_shopper.errors import ValidationFailed

HEADER = "Idempotency-Key"
PATTERN = "^[A-Za-z0-9._-]{1,128}$"


def idempotency_key_of(event: dict[str, Any]) -> str | None:
    """The request's key, None without the header. Raises ValidationFailed."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = headers.get(HEADER.lower())
    if key is not None and re.fullmatch(PATTERN, key) is None:
        raise ValidationFailed([(HEADER, f"{HEADER} must match {PATTERN}")])
    return key


def keyed_request(event: dict[str, Any], key: str | None, consumer_id: str) -> KeyedRequest | None:
    """The request for this consumer under its key, None without one; its body has been checked."""
    if key is None:
        return None
    digest = body_digest(json.loads(event["body"]))
    return KeyedRequest(consumer_id=consumer_id, key=key, body_sha256=digest)
