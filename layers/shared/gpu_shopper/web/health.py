"""One GET of a machine's health path; nothing but its status is of interest.

The request is written and its answer's head is read here, over a connection to an address that was
checked: a client library would resolve the name again, follow redirects, or read a body.
"""

from __future__ import annotations

from http.client import HTTPException
from time import monotonic

from gpu_shopper import network
from gpu_shopper.core.instances import HostPort
from gpu_shopper.core.polling import ApiTry, SshResult
from gpu_shopper.core.settings import Settings
from gpu_shopper.web.answers import status_of

MAX_BYTES = 64 * 1024


def ask(target: HostPort, path: str, settings: Settings, *, public_only: bool = True) -> ApiTry:
    """What the server at `target` answers to GET `path`, all in all within the time limit.

    With `public_only`, an address that is not public counts as unreachable.
    """
    ends_s = monotonic() + settings.api_try_limit_s
    try:
        with network.connected(
            target.host, target.port, settings.api_try_limit_s, public_only=public_only
        ) as connection:
            connection.settimeout(max(0.01, ends_s - monotonic()))
            connection.sendall(_request(target, path))
            return ApiTry(status=status_of(connection, "GET", ends_s, MAX_BYTES))
    except UnicodeError:
        return ApiTry(failure=SshResult.DNS_FAILED)
    except OSError as exc:
        return ApiTry(failure=network.failure_of(exc))
    except (HTTPException, ValueError):
        return ApiTry(failure=SshResult.CONNECTION_CLOSED)


def _request(target: HostPort, path: str) -> bytes:
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{target.port}",
        "User-Agent: gpu-shopper",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
