"""One POST to a receiver: where it goes, how long it takes, what is read of the answer."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.core.webhooks import Posted, Target
from gpu_shopper.web import webhooks
from gpu_shopper.web.webhooks import BadTarget, check, post

QUICK = replace(Settings(), webhook_timeout_s=1)

type Serve = Callable[[socket.socket], None]
type Start = Callable[[Serve], int]


@pytest.fixture
def server() -> Iterator[Start]:
    """Starts servers that handle one connection each."""
    listening: list[socket.socket] = []

    def start(serve: Serve) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)

        def one() -> None:
            try:
                connection, _ = listener.accept()
                with connection:
                    serve(connection)
            except OSError:
                pass

        threading.Thread(target=one, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for one in listening:
        one.close()


def answering(text: bytes, heard: list[bytes] | None = None) -> Serve:
    def serve(connection: socket.socket) -> None:
        got = connection.recv(65_536)
        if heard is not None:
            heard.append(got)
        connection.sendall(text)

    return serve


def sent(port: int, *, host: str = "127.0.0.1", **more: Any) -> Posted:
    target = Target(is_tls=more.pop("is_tls", False), host=host, port=port, path="/x?y=1")
    headers = {"X-One": "1"}
    return post(target, headers, b'{"a":1}', QUICK, **({"public_only": False} | more))


def test_the_request_is_a_plain_post_with_what_is_given(server: Start) -> None:
    heard: list[bytes] = []
    port = server(answering(b"HTTP/1.1 204 No Content\r\n\r\n", heard))
    posted = sent(port)
    assert (posted.delivered, posted.status_code, posted.error) == (True, 204, None)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.splitlines() == [
        b"POST /x?y=1 HTTP/1.1",
        f"Host: 127.0.0.1:{port}".encode(),
        b"User-Agent: gpu-shopper-webhook",
        b"X-One: 1",
        b"Content-Length: 7",
        b"Connection: close",
    ]
    assert body == b'{"a":1}'


def test_a_redirect_is_not_followed(server: Start) -> None:
    """N-46."""
    other: list[bytes] = []
    elsewhere = server(answering(b"HTTP/1.1 200 OK\r\n\r\n", other))
    moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n".encode()
    posted = sent(server(answering(moved)))
    assert (posted.delivered, posted.status_code) == (False, 307)
    assert other == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "::ffff:10.0.0.1"])
def test_nothing_is_sent_to_an_address_that_is_not_public(server: Start, host: str) -> None:
    """N-46: at the moment of sending."""
    heard: list[bytes] = []
    port = server(answering(b"HTTP/1.1 200 OK\r\n\r\n", heard))
    posted = sent(port, host=host, public_only=True)
    assert posted.error == "the host has an address that is not public"
    assert heard == []


def test_a_name_that_leads_elsewhere_by_now_is_seen_at_the_sending(
    server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-46: a name that resolves differently later."""
    target = Target(is_tls=True, host="hooks.example", port=443, path="/")
    answers = iter(["93.184.216.34", "10.0.0.7"])

    def resolve(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    check(target, public_only=True)
    posted = post(target, {}, b"", QUICK, public_only=True)
    assert posted.error == "the host has an address that is not public"


def test_a_url_is_refused_when_one_of_its_addresses_is_not_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """N-46."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
        for address in ("93.184.216.34", "192.168.1.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(BadTarget, match="public"):
        check(Target(is_tls=True, host="hooks.example", port=443, path="/"), public_only=True)


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(BadTarget, match="resolved"):
        check(Target(is_tls=True, host="no.invalid", port=443, path="/"), public_only=True)


def test_a_certificate_of_another_host_is_not_trusted(
    server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    class Trust:
        def wrap_socket(self, _: socket.socket, server_hostname: str | None = None) -> Any:
            asked.append(server_hostname)
            raise ssl.SSLCertVerificationError(1, "certificate verify failed: Hostname mismatch")

    monkeypatch.setattr(webhooks, "_trust", Trust)
    heard: list[bytes] = []
    posted = sent(server(answering(b"", heard)), host="localhost", is_tls=True)
    assert asked == ["localhost"]
    assert posted.status_code is None
    assert str(posted.error).startswith("SSLCertVerificationError")


def test_certificates_must_be_valid_and_for_the_host() -> None:
    trust = webhooks._trust()
    assert trust.check_hostname is True
    assert trust.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("text", [b"", b"no http\r\n\r\n", b"HTTP/1.1 x\r\n\r\n"])
def test_what_is_no_answer_is_no_delivery(server: Start, text: bytes) -> None:
    posted = sent(server(answering(text)))
    assert not posted.delivered
    assert posted.error


def test_no_more_than_4_kb_of_an_answer_are_read(server: Start) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 90) for n in range(60))
    posted = sent(server(answering(head + b"\r\n")))
    assert not posted.delivered
    small = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 10_000
    assert sent(server(answering(small))).delivered


def test_a_receiver_that_hangs_is_left_after_the_time_limit(server: Start) -> None:
    """N-75."""
    done = threading.Event()
    posted = sent(server(lambda _: bool(done.wait(5))))  # type: ignore[arg-type]
    done.set()
    assert "Timeout" in str(posted.error)
    assert 900 <= posted.duration_ms < 3_000


def test_a_closed_port_is_told(server: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "ConnectionRefusedError" in str(sent(port).error)
