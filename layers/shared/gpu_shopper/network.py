"""TCP connections to machines that others run: a name is resolved once, its addresses are checked.

What a provider calls a machine's address must not lead us to our own network, nor to the metadata
service of the cloud we run in.
"""

from __future__ import annotations

import errno
import socket
from time import monotonic

from gpu_shopper.core.addresses import is_public
from gpu_shopper.core.polling import SshResult

_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


class NotPublic(OSError):
    """The host has an address that is not public; nothing was sent there."""

    def __init__(self, host: str) -> None:
        super().__init__(errno.EHOSTUNREACH, "the address is not public", host)


def connected(host: str, port: int, timeout_s: float, *, public_only: bool) -> socket.socket:
    """A connection within `timeout_s`, to the first address of `host` that takes one.

    Raises OSError as sockets do (gaierror, TimeoutError, ConnectionRefusedError …), NotPublic when
    `public_only` and one of the addresses is not public, UnicodeError for an impossible name.
    """
    deadline_s = monotonic() + timeout_s
    failure: OSError = socket.gaierror(f"{host} has no address")
    for family, address in checked(host, port, public_only=public_only):
        try:
            return _connected(family, address, port, deadline_s - monotonic())
        except OSError as exc:
            failure = exc
    raise failure


def failure_of(exc: OSError) -> SshResult:
    """The class of a connection that failed, by the kind of the failure, never by its wording."""
    if isinstance(exc, ConnectionRefusedError):
        return SshResult.CONNECTION_REFUSED
    if isinstance(exc, TimeoutError):
        return SshResult.TIMEOUT
    if isinstance(exc, socket.gaierror):
        return SshResult.DNS_FAILED
    if exc.errno in _UNREACHABLE:
        return SshResult.NETWORK_UNREACHABLE
    if isinstance(exc, ConnectionError):
        return SshResult.CONNECTION_CLOSED
    return SshResult.UNKNOWN


def checked(host: str, port: int, *, public_only: bool) -> list[tuple[int, str]]:
    """Every address of `host` with its family, in the resolver's order. Raises as `connected`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [(family, str(place[0])) for family, _, _, _, place in found]
    if public_only and not all(_public(address) for _, address in addresses):
        raise NotPublic(host)
    return list(dict.fromkeys(addresses))


def _public(address: str) -> bool:
    """An address with a scope, such as `fe80::1%eth0`, belongs to one network: not public."""
    return "%" not in address and is_public(address)


def _connected(family: int, address: str, port: int, timeout_s: float) -> socket.socket:
    if timeout_s <= 0:
        raise TimeoutError("no time is left for another address")
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection
