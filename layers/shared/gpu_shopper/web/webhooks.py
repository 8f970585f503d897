"""One POST to a webhook, to an address that was checked, without redirects.

The request goes out over a connection that `network` made: a client library would resolve the name
again, after the answer that was checked.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException
from time import monotonic

from gpu_shopper import network
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.webhooks import Posted, Target
from gpu_shopper.web.answers import status_of

USER_AGENT = "gpu-shopper-webhook"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .,:()'_-]")
_MAX_ERROR_CHARS = 200


class BadTarget(ValueError):
    """Nothing may be sent there; the text says why, for people."""


def check(target: Target, *, public_only: bool) -> None:
    """Raises BadTarget unless the host has addresses, all of them public where they must be."""
    try:
        network.checked(target.host, target.port, public_only=public_only)
    except network.NotPublic as exc:
        raise BadTarget("must lead to public addresses only") from exc
    except (OSError, UnicodeError) as exc:
        raise BadTarget("must name a host that can be resolved") from exc


def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    settings: Settings,
    *,
    public_only: bool = True,
) -> Posted:
    """Send `body`; all in all within the time limit. What goes wrong is in the answer."""
    began_s = monotonic()
    ends_s = began_s + settings.webhook_timeout_s
    status, error = None, None
    try:
        status = _status(target, headers, body, ends_s, settings, public_only=public_only)
    except network.NotPublic:
        error = "the host has an address that is not public"
    except (OSError, HTTPException, ValueError) as exc:
        error = _told(exc)
    return Posted(round((monotonic() - began_s) * 1_000), status, error)


def _status(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    ends_s: float,
    settings: Settings,
    *,
    public_only: bool,
) -> int:
    limit_s, most = settings.webhook_timeout_s, settings.webhook_answer_bytes
    with network.connected(
        target.host, target.port, limit_s, public_only=public_only
    ) as connection:
        connection.settimeout(_left_s(ends_s))
        if not target.is_tls:
            connection.sendall(_request(target, headers, body))
            return status_of(connection, "POST", ends_s, most)
        with _trust().wrap_socket(connection, server_hostname=target.host) as secured:
            secured.settimeout(_left_s(ends_s))
            secured.sendall(_request(target, headers, body))
            return status_of(secured, "POST", ends_s, most)


def _left_s(ends_s: float) -> float:
    return max(0.01, ends_s - monotonic())


@cache
def _trust() -> ssl.SSLContext:
    """Certificates must be valid, and for the host that the URL names."""
    return ssl.create_default_context()


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = (
        f"POST {target.path} HTTP/1.1",
        f"Host: {host}:{target.port}",
        f"User-Agent: {USER_AGENT}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body


def _told(exc: Exception) -> str:
    """What went wrong, in words that hold nothing of the receiver's own."""
    text = _NOT_PLAIN.sub("", str(exc)) if isinstance(exc, OSError) else ""
    return f"{type(exc).__name__}: {text}".rstrip(": ")[:_MAX_ERROR_CHARS]
