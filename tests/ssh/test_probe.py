"""The SSH probe against real servers that behave, and against sockets that do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

import asyncssh
import pytest

from gpu_shopper.core.diagnostics import COMMANDS, Check
from gpu_shopper.core.instances import SshAddress
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.settings import Settings
from gpu_shopper.ssh.keys import KeyPair, new_pair
from gpu_shopper.ssh.probe import COMMAND, MAX_ANSWER_BYTES, try_login
from tests.ssh.server import Server

QUICK = replace(
    Settings(),
    ssh_connect_timeout_s=1,
    ssh_login_timeout_s=1,
    ssh_command_timeout_s=1,
    check_limit_s=2,
)
PAIR = new_pair("probe")


def probe(address: SshAddress, pair: KeyPair = PAIR, pinned: str | None = None) -> SshTry:
    """A try as a local run makes it: the servers of these tests are on loopback."""
    return try_login(address, lambda: pair.private_pem, pinned, QUICK, public_only=False)


def result(address: SshAddress, pair: KeyPair = PAIR, pinned: str | None = None) -> SshResult:
    return probe(address, pair, pinned).result


@pytest.fixture
def talks() -> Iterator[Callable[[bytes], SshAddress]]:
    """A TCP server that says something to everybody and then hangs up, or says nothing."""
    opened: list[socket.socket] = []

    def serve(greeting: bytes) -> SshAddress:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        threading.Thread(target=_answer, args=(listener, greeting), daemon=True).start()
        return SshAddress("127.0.0.1", listener.getsockname()[1], "root")

    yield serve
    for one in opened:
        one.close()


def _answer(listener: socket.socket, greeting: bytes) -> None:
    held = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        if not greeting:
            held.append(connection)
            continue
        connection.sendall(greeting)
        connection.close()


def test_a_machine_that_takes_the_key_and_says_ok_is_ready() -> None:
    """X-29, N-37: and shows its host key."""
    server = Server(PAIR.public_line)
    with server as address:
        tried = probe(address)
        assert tried.result is SshResult.READY
        assert tried.host_key == server.public
        assert result(address, pinned=server.public + " comment") is SshResult.READY


ANSWERS = {
    COMMAND: ("ok\n", 0),
    COMMANDS[Check.GPUS]: ("NVIDIA L4, 1, 2, 3, 4, 5\n", 0),
    COMMANDS[Check.DISK]: ("overlay 50G 3G 47G 6% /\n", 0),
    COMMANDS[Check.CUDA]: ("CUDA Version: 12.8\n", 0),
    COMMANDS[Check.OOM]: ("dmesg: read kernel buffer failed\n", 1),
}


def test_after_a_login_the_checks_are_run_and_one_that_fails_is_unknown() -> None:
    """2.10: in the same step."""
    with Server(PAIR.public_line, answers=ANSWERS) as address:
        answers = probe(address).answers
    assert answers[Check.OOM] is None
    assert [answers[one] for one in (Check.GPUS, Check.DISK, Check.CUDA)] == [
        ANSWERS[COMMANDS[one]][0] for one in (Check.GPUS, Check.DISK, Check.CUDA)
    ]


def test_of_a_long_log_the_end_is_kept() -> None:
    """2.17: the newest lines are the last."""
    long = {COMMAND: ("ok\n", 0), COMMANDS[Check.OOM]: ("x" * 99_999 + "\nlast", 0)}
    with Server(PAIR.public_line, answers=long) as address:
        kept = probe(address).answers[Check.OOM]
    assert kept is not None
    assert len(kept) == MAX_ANSWER_BYTES
    assert kept.endswith("\nlast")


def test_slow_checks_are_unknown_and_the_machine_is_ready_all_the_same() -> None:
    """2.10: all of them share one time limit, and hold nothing up."""
    hanging = {COMMAND: ("ok\n", 0), COMMANDS[Check.DISK]: ("o 50G 3G 47G 6% /\n", 0)}
    with Server(PAIR.public_line, answers=hanging, others_hang=True) as address:
        began_s = monotonic()
        tried = probe(address)
        took_s = monotonic() - began_s
    assert tried.result is SshResult.READY
    assert [check for check, answer in tried.answers.items() if answer is not None] == [Check.DISK]
    assert took_s < QUICK.check_limit_s + 2


def test_another_host_key_gets_no_login() -> None:
    """N-36: the probe stops before it authenticates."""
    with Server(PAIR.public_line) as address:
        pinned = new_pair("other").public_line
        assert result(address, pinned=pinned) is SshResult.HOST_KEY_CHANGED


def test_a_refused_key_is_a_refused_login() -> None:
    """N-34: the server answered the authentication itself."""
    with Server(new_pair("somebody else").public_line) as address:
        assert result(address) is SshResult.AUTH_FAILED


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost"])
def test_an_address_that_is_not_public_is_not_called(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """2.10: a provider must not lead us into our own network; only a local run may go there."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    tried = try_login(SshAddress(host, 22, "root"), lambda: PAIR.private_pem, None, QUICK)
    assert (tried.result, tried.host_key) == (SshResult.NETWORK_UNREACHABLE, None)


class Leaving(Server):
    """Takes nobody, and hangs up: after its answer, or instead of one."""

    def __init__(self, *, answers: bool) -> None:
        super().__init__(new_pair("somebody else").public_line)
        self._says_no = answers

    def _door(self) -> asyncssh.SSHServer:
        says_no = self._says_no

        class Door(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                say_no = conn.send_userauth_failure

                def leave(partial_success: bool) -> None:
                    if says_no:
                        say_no(partial_success)
                    conn.disconnect(11, "bye")

                conn.send_userauth_failure = leave  # type: ignore[method-assign]

        return Door()


@pytest.mark.parametrize("_again", range(5))
def test_a_server_that_refuses_and_hangs_up_at_once_has_refused(_again: int) -> None:
    """N-34: its answer arrived, however quickly the line went down behind it."""
    with Leaving(answers=True) as address:
        assert result(address) is SshResult.AUTH_FAILED


def test_a_server_that_hangs_up_instead_of_answering_refused_nobody() -> None:
    """N-34, X-13: nothing was said about the key."""
    with Leaving(answers=False) as address:
        tried = probe(address)
        assert tried.result is SshResult.CONNECTION_CLOSED
        assert tried.host_key is not None


@pytest.mark.parametrize(("answer", "status"), [("ok\n", 1), ("no\n", 0), ("", 0), ("okay\n", 0)])
def test_a_login_that_runs_nothing_is_not_ready(answer: str, status: int) -> None:
    """2.10: exit 0 and exactly ok."""
    with Server(PAIR.public_line, answer, status) as address:
        assert result(address) is SshResult.COMMAND_FAILED


def test_nobody_there_is_a_refused_connection() -> None:
    """2.10."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert result(SshAddress("127.0.0.1", port, "root")) is SshResult.CONNECTION_REFUSED


@pytest.mark.parametrize("greeting", [b"\x00", b"SSH-2.0-x\r\n", b"HTTP/1.1 400\r\n\r\n" * 3])
def test_a_server_that_hangs_up_in_the_handshake_refused_nobody(
    talks: Callable[[bytes], SshAddress], greeting: bytes
) -> None:
    """X-13, N-34: a broken handshake is never auth_failed."""
    assert result(talks(greeting)) is SshResult.CONNECTION_CLOSED


def test_a_server_that_says_nothing_times_out(talks: Callable[[bytes], SshAddress]) -> None:
    """X-13: a hanging banner is a time-out."""
    assert result(talks(b"")) is SshResult.TIMEOUT


def test_a_name_that_does_not_resolve_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """2.10: DNS."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert result(SshAddress("nowhere.example", 22, "root")) is SshResult.DNS_FAILED


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_name_that_cannot_be_one_does_not_resolve(host: str) -> None:
    """2.10: an error of its encoding is no crash."""
    assert result(SshAddress(host, 22, "root")) is SshResult.DNS_FAILED


def test_a_network_without_a_route_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """2.10: no route."""

    def no_route(*_: object, **__: object) -> None:
        raise OSError(113, "no route to host")

    monkeypatch.setattr(socket.socket, "connect", no_route)
    assert result(SshAddress("192.0.2.1", 22, "root")) is SshResult.NETWORK_UNREACHABLE


def test_a_probe_key_that_cannot_be_used_is_our_own_fault() -> None:
    """2.10."""
    broken = KeyPair("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "")
    with Server(PAIR.public_line) as address:
        assert result(address, broken) is SshResult.KEY_PARSE_FAILED


def test_a_key_is_opened_only_for_a_server_that_shows_the_right_host_key() -> None:
    """N-37: while a machine boots, most tries reach nobody; each opening is paid, and a risk."""

    def opened() -> str:
        raise PermissionError

    server, other = Server(PAIR.public_line), new_pair("other").public_line
    with server as address:
        changed = try_login(address, opened, other, QUICK, public_only=False)
        with pytest.raises(PermissionError):
            try_login(address, opened, server.public, QUICK, public_only=False)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nobody = SshAddress("127.0.0.1", gone.getsockname()[1], "root")
    refused = try_login(nobody, opened, None, QUICK, public_only=False)
    assert changed.result is SshResult.HOST_KEY_CHANGED
    assert refused.result is SshResult.CONNECTION_REFUSED
