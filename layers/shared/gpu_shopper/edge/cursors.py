"""Cursors: where a list goes on, bound to who asked and for what, good for a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from gpu_shopper.errors import ValidationFailed

VALID_FOR = timedelta(hours=24)
_BAD = [("cursor", "cursor is not valid for this request")]


def issue(position: str | None, scope: str, key: str, now: datetime) -> str | None:
    """An opaque cursor for `position`, None at the end. `scope` names caller and filters."""
    if position is None:
        return None
    payload = json.dumps([position, int(now.timestamp())])
    return base64.urlsafe_b64encode(
        json.dumps([payload, _mark(payload, scope, key)]).encode()
    ).decode()


def read(cursor: str | None, scope: str, key: str, now: datetime) -> str | None:
    """The position in `cursor`. Raises ValidationFailed when altered, foreign or too old."""
    if cursor is None:
        return None
    try:
        payload, mark = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        position, issued_s = json.loads(payload)
        genuine = hmac.compare_digest(mark, _mark(payload, scope, key))
        age = now - datetime.fromtimestamp(issued_s, now.tzinfo)
    except (ValueError, TypeError, RecursionError, OverflowError) as exc:
        raise ValidationFailed(_BAD) from exc
    if not genuine or not isinstance(position, str) or age > VALID_FOR:
        raise ValidationFailed(_BAD)
    return position


def _mark(payload: str, scope: str, key: str) -> str:
    """Ties a payload to its scope; a cursor opens nothing, so the key need not be secret."""
    return hmac.new(key.encode(), f"{scope}\n{payload}".encode(), hashlib.sha256).hexdigest()
