"""Which browser origins may read our answers: a configured list, nobody by default."""

from __future__ import annotations

_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-ID"
_EXPOSED = "X-Request-ID, Retry-After"
_MAX_AGE_S = "600"


def cors_headers(origin: str | None, allowed: str) -> dict[str, str]:
    """The headers for `origin`; empty unless it is in the comma-separated list `allowed`."""
    listed = {one.strip() for one in allowed.split(",") if one.strip()}
    if not listed:
        return {}
    if origin not in listed:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Expose-Headers": _EXPOSED,
        "Access-Control-Max-Age": _MAX_AGE_S,
        "Vary": "Origin",
    }
