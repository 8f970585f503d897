"""Which failures of a request prove that nobody received it."""

from __future__ import annotations

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

_NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
)


def never_sent(exc: Exception) -> bool:
    """True when no connection was made, or no request could be formed."""
    cause = exc.args[0] if exc.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(exc, _NEVER_SENT) or isinstance(reason, NewConnectionError)
