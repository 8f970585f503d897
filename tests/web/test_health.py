"""The request to a health path, against real sockets that behave, and some that do not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic, sleep

import pytest

from gpu_shopper.core.instances import HostPort
from gpu_shopper.core.polling import ApiTry, SshResult
from gpu_shopper.core.settings import Settings
from gpu_shopper.web.health import MAX_BYTES, ask

LIMIT_S = 1
QUICK = replace(Settings(), api_try_limit_s=LIMIT_S)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

type Say = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[[bytes | Say], HostPort]]:
    """A server that answers everybody the same; the requests are in `serve.heard`."""
    listeners: list[socket.socket] = []

    def start(answer: bytes | Say) -> HostPort:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_answer, args=(listener, answer), daemon=True).start()
        return HostPort("127.0.0.1", listener.getsockname()[1])

    yield start
    for one in listeners:
        one.close()


HEARD: list[bytes] = []


def _answer(listener: socket.socket, answer: bytes | Say) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            HEARD.append(connection.recv(4096))
            try:
                answer(connection) if callable(answer) else connection.sendall(answer)
            except OSError:
                continue


def tried(target: HostPort, path: str = "/") -> ApiTry:
    return ask(target, path, QUICK, public_only=False)


def status(code: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {code} Whatever\r\n{more}\r\n".encode()


@pytest.mark.parametrize(
    ("code", "ready"),
    [
        (200, True),
        (204, True),
        (302, True),
        (401, True),
        (403, True),
        (404, False),
        (405, True),
        (499, True),
        (500, False),
        (503, False),
    ],
)
def test_below_500_and_not_404_is_ready(
    serve: Callable[[bytes | Say], HostPort], code: int, ready: bool
) -> None:
    """N-49, X-14."""
    found = tried(serve(status(code)))
    assert (found.status, found.is_ready, found.said) == (code, ready, f"HTTP {code}")


def test_a_redirect_is_an_answer_and_is_not_followed(
    serve: Callable[[bytes | Say], HostPort],
) -> None:
    """N-49: wherever it leads, nobody is asked there."""
    other = serve(status(500))
    HEARD.clear()
    found = tried(serve(status(302, f"Location: http://127.0.0.1:{other.port}/\r\n")))
    assert found.status == 302
    assert len(HEARD) == 1


def test_the_health_path_is_asked_for_at_the_mapped_port(
    serve: Callable[[bytes | Say], HostPort],
) -> None:
    """N-49: one GET, and no more of HTTP than is needed."""
    HEARD.clear()
    target = serve(OK)
    tried(target, "/v1/models?all=1")
    request = HEARD[0].decode()
    assert request.startswith("GET /v1/models?all=1 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{target.port}\r\n" in request
    assert "\r\nConnection: close\r\n" in request
    assert request.endswith("\r\n\r\n")


def test_an_answer_that_is_only_informational_is_waited_past(
    serve: Callable[[bytes | Say], HostPort],
) -> None:
    assert tried(serve(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)).status == 200


def test_a_body_without_end_is_not_read(serve: Callable[[bytes | Say], HostPort]) -> None:
    """N-49."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    assert tried(serve(flood)).status == 200


def test_headers_without_end_are_given_up_at_64_kb(
    serve: Callable[[bytes | Say], HostPort],
) -> None:
    """N-49: at most 64 KB are read."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(90):
            connection.sendall(f"X-{number}: {'y' * (MAX_BYTES // 64)}\r\n".encode())
        sleep(LIMIT_S * 2)

    assert not tried(serve(flood)).is_ready


@pytest.mark.parametrize("pause_s", [0.2, LIMIT_S * 5])
def test_a_server_that_drips_or_is_silent_has_ten_seconds_in_all(
    serve: Callable[[bytes | Say], HostPort], pause_s: float
) -> None:
    """N-49: each byte in time is not an answer in time."""

    def drip(connection: socket.socket) -> None:
        for byte in OK * 5:
            connection.sendall(bytes([byte]))
            sleep(pause_s)

    began_s = monotonic()
    found = tried(serve(drip))
    assert found == ApiTry(failure=SshResult.TIMEOUT)
    assert monotonic() - began_s < LIMIT_S + 1


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 99, b"HTTP/1.1 abc\r\n"])
def test_what_is_no_http_is_not_ready(
    serve: Callable[[bytes | Say], HostPort], answer: bytes
) -> None:
    found = tried(serve(answer))
    assert (found.is_ready, found.said) == (False, "connection_closed")


def test_nobody_there_is_not_ready() -> None:
    """N-49: refused."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert tried(HostPort("127.0.0.1", port)).said == "connection_refused"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_name_that_cannot_be_one_is_not_ready(host: str) -> None:
    assert tried(HostPort(host, 80)).said == "dns_failed"


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"])
def test_an_address_that_is_not_public_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """N-49: outside of a local run."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    assert ask(HostPort(host, 80), "/", QUICK).said == "network_unreachable"
