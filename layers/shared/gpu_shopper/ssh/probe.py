"""One SSH try: connect, compare the host key, log in with the probe key, run `echo ok`, check.

Failures are told apart by the step and the kind of exception, never by its wording: a handshake
that breaks is not a refused login.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import monotonic

import paramiko
from paramiko.auth_handler import AuthHandler

from gpu_shopper import network
from gpu_shopper.core.diagnostics import COMMANDS, Check
from gpu_shopper.core.instances import SshAddress
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.ssh_keys import bare_key

COMMAND = "echo ok"
EXPECTED = b"ok"
MAX_OUTPUT_BYTES = 1024
MAX_ANSWER_BYTES = 64 * 1024


class _Failed(Exception):
    """A try that came to `result`."""

    def __init__(self, result: SshResult) -> None:
        super().__init__(result.value)
        self.result = result


def try_login(
    address: SshAddress,
    open_key: Callable[[], str],
    pinned_host_key: str | None,
    settings: Settings,
    *,
    public_only: bool = True,
) -> SshTry:
    """Try once to log in, run a command, and then the checks, which cannot fail the try.

    `pinned_host_key` is `type base64`, or None while none is known. `open_key` gives the private
    key: it is called once a server has shown the host key that it should; what it raises goes on.

    A server with another key than the pinned one gets no login. With `public_only`, an address
    that is not public counts as unreachable.
    """
    host_key: str | None = None
    try:
        with _connected(address, settings, public_only=public_only) as transport:
            host_key = _shaken_hands(transport, settings)
            if pinned_host_key is not None and host_key != bare_key(pinned_host_key):
                return SshTry(SshResult.HOST_KEY_CHANGED, host_key)
            _logged_in(transport, address.user, _loaded(open_key()), settings)
            _ran(transport, settings)
            return SshTry(SshResult.READY, host_key, _answers(transport, settings))
    except _Failed as failed:
        return SshTry(failed.result, host_key)


def _loaded(private_pem: str) -> paramiko.PKey:
    try:
        return paramiko.Ed25519Key.from_private_key(io.StringIO(private_pem))
    except (paramiko.SSHException, ValueError, IndexError) as exc:
        raise _Failed(SshResult.KEY_PARSE_FAILED) from exc


@contextmanager
def _connected(
    address: SshAddress, settings: Settings, *, public_only: bool
) -> Iterator[paramiko.Transport]:
    timeout_s = settings.ssh_connect_timeout_s
    try:
        sock = network.connected(address.host, address.port, timeout_s, public_only=public_only)
    except UnicodeError as exc:
        raise _Failed(SshResult.DNS_FAILED) from exc
    except OSError as exc:
        raise _Failed(network.failure_of(exc)) from exc
    transport = paramiko.Transport(sock)
    try:
        yield transport
    finally:
        transport.close()
        sock.close()


def _shaken_hands(transport: paramiko.Transport, settings: Settings) -> str:
    """Finish the key exchange; gives the server's host key as `type base64`."""
    transport.banner_timeout = settings.ssh_login_timeout_s
    done = threading.Event()
    try:
        transport.start_client(event=done)
        if not done.wait(settings.ssh_login_timeout_s):
            raise _Failed(SshResult.TIMEOUT)
        if not transport.is_active():
            raise _Failed(SshResult.CONNECTION_CLOSED)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise _Failed(SshResult.CONNECTION_CLOSED) from exc
    return f"{key.get_name()} {key.get_base64()}"


def _logged_in(
    transport: paramiko.Transport, user: str, key: paramiko.PKey, settings: Settings
) -> None:
    """Authenticate. Only a server that answered has refused us, whether it hangs up then or not."""
    if not transport.is_active():
        raise _Failed(SshResult.CONNECTION_CLOSED)
    done = threading.Event()
    asked = _Authentication(transport)
    transport.auth_handler = asked
    try:
        asked.auth_publickey(user, key, done)
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise _Failed(SshResult.CONNECTION_CLOSED) from exc
    if not done.wait(settings.ssh_login_timeout_s):
        raise _Failed(SshResult.TIMEOUT)
    if transport.is_authenticated():
        return
    raise _Failed(SshResult.AUTH_FAILED if asked.refused else SshResult.CONNECTION_CLOSED)


class _Authentication(AuthHandler):
    """Remembers that the server's own "no" arrived; paramiko tells it apart from a lost line by the
    wording of an exception only."""

    refused = False

    def _parse_userauth_failure(self, m: paramiko.Message) -> None:
        self.refused = True
        super()._parse_userauth_failure(m)  # type: ignore[misc]  # the stubs leave it out


def _ran(transport: paramiko.Transport, settings: Settings) -> None:
    """Run the command; its few bytes are there when its exit status is, in one packet."""
    try:
        channel = transport.open_session(timeout=settings.ssh_command_timeout_s)
        channel.settimeout(settings.ssh_command_timeout_s)
        channel.exec_command(COMMAND)
        if not channel.status_event.wait(settings.ssh_command_timeout_s):
            raise _Failed(SshResult.TIMEOUT)
        output = channel.recv(MAX_OUTPUT_BYTES)
    except TimeoutError as exc:
        raise _Failed(SshResult.TIMEOUT) from exc
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise _Failed(SshResult.COMMAND_FAILED) from exc
    if channel.recv_exit_status() != 0 or output.strip() != EXPECTED:
        raise _Failed(SshResult.COMMAND_FAILED)


def _answers(transport: paramiko.Transport, settings: Settings) -> dict[Check, str | None]:
    """The output of every check, within the time that they share; None for a failed or late one."""
    deadline_s = monotonic() + settings.check_limit_s
    return {
        check: _output(transport, command, deadline_s, settings.ssh_command_timeout_s)
        for check, command in COMMANDS.items()
    }


def _output(
    transport: paramiko.Transport, command: str, deadline_s: float, limit_s: float
) -> str | None:
    """What `command` prints, if it ends well by then; of a long output the last part."""
    ends_s = min(deadline_s, monotonic() + limit_s)
    try:
        with closing(transport.open_session(timeout=_left_s(ends_s))) as channel:
            channel.settimeout(_left_s(ends_s))
            channel.exec_command(command)
            text = _last_part(channel, ends_s)
            done = channel.status_event.wait(_left_s(ends_s))
            return text if done and channel.recv_exit_status() == 0 else None
    except (paramiko.SSHException, EOFError, OSError):
        return None


def _last_part(channel: paramiko.Channel, ends_s: float) -> str:
    """The output's end, which is the newest of a log. Raises TimeoutError."""
    kept = b""
    while True:
        channel.settimeout(_left_s(ends_s))
        part = channel.recv(MAX_ANSWER_BYTES)
        if not part:
            return kept.decode(errors="replace")
        kept = (kept + part)[-MAX_ANSWER_BYTES:]


def _left_s(ends_s: float) -> float:
    """Raises TimeoutError when nothing is left."""
    left_s = ends_s - monotonic()
    if left_s <= 0:
        raise TimeoutError("no time is left for this check")
    return left_s
