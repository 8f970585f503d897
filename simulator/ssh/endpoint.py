"""One machine's SSH server: its own loopback port and host key, public keys only.

The port is bound when the machine is accepted but listens only while it runs, so that a client
is refused before and after, as at the real thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import asyncssh

from simulator.ssh import session
from simulator.ssh.files import Files
from simulator.ssh.machine import MachineView

_BANNER = b"SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10\r\n"
_LOGIN_TIMEOUT_S = 30

# What to do with one connection: {"mode": ..., ...}, or None for an honest login.
Mode = dict[str, Any]


class SshEndpoint:
    """A door to one machine. `mode` is asked once for every connection."""

    def __init__(
        self,
        view: MachineView,
        users: tuple[str, ...],
        mode: Callable[[], Mode | None],
        host_key: asyncssh.SSHKey | None = None,
    ) -> None:
        self._view = view
        self.users = users
        self._mode = mode
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._accepting: asyncio.Task[None] | None = None
        self.host_key = host_key or new_host_key()
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._accepting is not None

    @property
    def host_key_line(self) -> str:
        """The public host key, as in known_hosts."""
        return self.host_key.export_public_key().decode().strip()

    def open(self) -> None:
        """Begin to listen; harmless when it does already."""
        if self._accepting is None and self._socket.fileno() >= 0:
            self._socket.listen(64)
            self._accepting = asyncio.create_task(self._accept())

    def close(self) -> None:
        """Stop listening, cut every connection and give the port back."""
        self.cut()
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        self._socket.close()

    def cut(self) -> None:
        """End the connections there are."""
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()

    def change_host_key(self) -> None:
        """Show another host key from the next connection on."""
        self.host_key = new_host_key()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._socket)
            connection.setblocking(False)
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        mode = self._mode() or {"mode": "honest"}
        with contextlib.closing(connection):
            match mode["mode"]:
                case "refuse":
                    reset(connection)
                case "hang":
                    await asyncio.Event().wait()
                case "close_after_banner":
                    await asyncio.get_running_loop().sock_sendall(connection, _BANNER)
                case _:
                    await self._login(connection, mode)

    async def _login(self, connection: socket.socket, mode: Mode) -> None:
        if mode["mode"] == "slow":
            await asyncio.sleep(float(mode.get("s") or 0))
        host_key = new_host_key() if mode["mode"] == "wrong_host_key" else self.host_key
        # asyncssh raises OSError for a lost peer and its own Error for a failed login: both are
        # ordinary ends of a connection here.
        with contextlib.suppress(OSError, asyncssh.Error):
            server = await asyncssh.run_server(
                connection,
                server_factory=lambda: _Door(self._view, self.users, mode),
                server_host_keys=[host_key],
                process_factory=lambda process: session.serve(process, self._view, mode),
                sftp_factory=lambda channel: Files(channel, self._view.files),
                allow_scp=False,
                gss_host=None,
                login_timeout=_LOGIN_TIMEOUT_S,
                encoding="utf-8",
                errors="replace",
                server_version="OpenSSH_8.9p1",
            )
            self._connections.add(server)
            try:
                await server.wait_closed()
            finally:
                self._connections.discard(server)


class _Door(asyncssh.SSHServer):
    """Lets in the machine's users with a key that is installed for them and usable now."""

    def __init__(self, view: MachineView, users: tuple[str, ...], mode: Mode) -> None:
        self._view = view
        self._users = users
        self._mode = mode

    def begin_auth(self, _username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if self._mode["mode"] == "auth_fail" or username not in self._users:
            return False
        return any(same_key(line, key) for line in self._view.usable_keys(username))


def same_key(line: str, key: asyncssh.SSHKey) -> bool:
    """Whether an authorized_keys line names this key; an unreadable line names none."""
    try:
        return bool(asyncssh.import_public_key(line).public_data == key.public_data)
    except (asyncssh.KeyImportError, ValueError):
        return False


def new_host_key() -> asyncssh.SSHKey:
    """A fresh Ed25519 key."""
    return asyncssh.generate_private_key("ssh-ed25519")


def reset(connection: socket.socket) -> None:
    """Close with RST, so that the peer sees a reset rather than an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()
