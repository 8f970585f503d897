"""Logs in to a rented machine the way its consumer does: given key, host key pinned."""

from __future__ import annotations

import io
from typing import Any

import paramiko
from paramiko.hostkeys import HostKeyEntry

_CONNECT_TIMEOUT_S = 15
_COMMAND_TIMEOUT_S = 30


class CommandFailed(Exception):
    """The command ended with a status other than 0."""


def run(session: dict[str, Any], private_key: str, command: str) -> str:
    """The output of `command` on the session's machine.

    Raises paramiko.SSHException (login refused, another host key), OSError (no connection),
    CommandFailed.
    """
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        _pin(client, session["known_hosts"])
        client.connect(
            session["ssh_host"],
            port=session["ssh_port"],
            username=session["ssh_user"],
            pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(private_key)),
            timeout=_CONNECT_TIMEOUT_S,
            allow_agent=False,
            look_for_keys=False,
        )
        return _output(client, command)


def _pin(client: paramiko.SSHClient, known_hosts_line: str) -> None:
    entry = HostKeyEntry.from_line(known_hosts_line)
    if entry is None or entry.key is None or not entry.hostnames:
        raise paramiko.SSHException(f"unreadable known_hosts line: {known_hosts_line!r}")
    client.get_host_keys().add(entry.hostnames[0], entry.key.get_name(), entry.key)


def _output(client: paramiko.SSHClient, command: str) -> str:
    _, out, err = client.exec_command(command, timeout=_COMMAND_TIMEOUT_S)
    said = out.read().decode(errors="replace")
    status = out.channel.recv_exit_status()
    if status != 0:
        raise CommandFailed(f"{command} ended with {status}: {err.read().decode(errors='replace')}")
    return said
