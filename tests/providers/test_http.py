"""The HTTP client over real sockets, against servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from dataclasses import replace

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError

from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderError,
    ProviderUnavailable,
    TooSoon,
)
from gpu_shopper.providers.http import BODY_BYTES, Call, HttpClient, Reply, Unanswered
from tests.providers.stub import Answer, Network, Turns
from tests.providers.wire_server import Script, answer, serving

GET = Call(method="GET", path="/thing/", endpoint="read")
PUT = Call(method="PUT", path="/thing/", endpoint="write", turn=Turn.LAUNCH, body={})


def client(
    url: str,
    read_timeout_s: float = 2.0,
    network: Network | None = None,
    turns: Turns | None = None,
) -> HttpClient:
    return HttpClient(
        base_url=url,
        credentials=lambda _fresh: "key-one-1234",
        pace=turns or Turns(),
        refusal=_server_errors,
        connect_timeout_s=1,
        read_timeout_s=read_timeout_s,
        transport=network,
        wait=lambda _s: None,
    )


def _server_errors(reply: Reply) -> ProviderError | None:
    return ProviderUnavailable(reply.text()) if reply.status >= 500 else None


def sends(data: bytes) -> Script:
    def script(connection: socket.socket, _over: threading.Event) -> None:
        connection.sendall(data)

    return script


def hangs(_connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def drips(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(0.02):
        connection.sendall(b" ")


def resets(connection: socket.socket, _over: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_good_answer_is_read_and_its_connection_kept_for_the_next_read() -> None:
    with serving(sends(answer(b'{"a": 1}'))) as server:
        http = client(server.url)
        assert [http.read(GET).json() for _ in range(3)] == [{"a": 1}] * 3
        assert (server.connections, server.requests) == (1, 3)


def test_a_write_opens_its_own_connection() -> None:
    with serving(sends(answer(b"{}"))) as server:
        http = client(server.url)
        http.read(GET)
        http.write(PUT)
        assert (server.connections, server.requests) == (2, 2)


def test_a_compressed_body_is_unpacked() -> None:
    body = gzip.compress(b'{"a": 1}')
    with serving(sends(answer(body, "200 OK", "Content-Encoding: gzip"))) as server:
        assert client(server.url).read(GET).json() == {"a": 1}


@pytest.mark.parametrize("packed", [True, False])
def test_no_more_than_the_limit_is_read_of_a_huge_body(packed: bool) -> None:
    """M-59"""
    huge = b" " * 5_000_000
    body, header = (gzip.compress(huge), "Content-Encoding: gzip") if packed else (huge, "X-A: b")
    with serving(sends(answer(body, "200 OK", header))) as server:
        reply = client(server.url).write(PUT)
    assert len(reply.body) == BODY_BYTES
    with pytest.raises(BadProviderReply):
        reply.json()


def test_a_huge_error_is_cut_to_64_kb_and_its_text_to_1000_characters() -> None:
    """M-59"""
    body = b"line\n\x1b[31m" * 600_000
    call = replace(GET, limit_bytes=10_000_000)
    with serving(sends(answer(body, "500 Oops"))) as server:
        with pytest.raises(ProviderUnavailable) as caught:
            client(server.url).read(call)
        reply = client(server.url).write(PUT)
    assert len(reply.body) == BODY_BYTES
    assert len(caught.value.message) <= 1_000
    assert caught.value.message.isprintable()


def test_a_body_that_cannot_be_unpacked_is_no_answer_to_conclude_from() -> None:
    with serving(sends(answer(b"not gzip", "200 OK", "Content-Encoding: gzip"))) as server:
        reply = client(server.url).write(PUT)
    with pytest.raises(BadProviderReply):
        reply.json()


@pytest.mark.parametrize(
    "script",
    [
        hangs,
        drips,
        resets,
        sends(answer(b'{"a": 1}', length=100) + b""),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"),
        sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    ],
    ids=["hangs", "drips", "resets", "short", "broken chunk", "not http"],
)
def test_an_answer_that_does_not_end_leaves_everything_open_after_one_request(
    script: Script,
) -> None:
    """M-19"""

    def once(connection: socket.socket, over: threading.Event) -> None:
        script(connection, over)
        connection.close()

    with serving(once) as server:
        http = client(server.url, read_timeout_s=0.3)
        with pytest.raises(Unanswered) as caught:
            http.write(PUT)
        assert caught.value.sent
        assert server.requests == 1
        with pytest.raises(ProviderUnavailable):
            http.read(GET)


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Unanswered) as caught:
        client(url).write(PUT)
    assert not caught.value.sent


_POOL = HTTPConnectionPool("vast.test")
_NO_NAME = NameResolutionError("vast.test", HTTPConnection("vast.test"), socket.gaierror())


@pytest.mark.parametrize(
    ("failure", "sent"),
    [
        (requests.ConnectionError(MaxRetryError(_POOL, "/", _NO_NAME)), False),
        (requests.exceptions.SSLError("bad handshake"), True),
        (requests.ConnectionError("who knows"), True),
        (OSError("odd"), True),
    ],
)
def test_only_a_connection_that_was_never_made_proves_that_nothing_was_sent(
    failure: Exception, sent: bool
) -> None:
    with pytest.raises(Unanswered) as caught:
        client("https://vast.test", network=Network(failure)).write(PUT)
    assert caught.value.sent is sent


@pytest.mark.parametrize("location", ["/other/", "http://169.254.169.254/", ":::", ""])
def test_a_redirect_is_an_answer_and_never_followed(location: str) -> None:
    moved = answer(b"moved" * 50_000, "308 Moved", f"Location: {location}")
    with serving(sends(moved)) as server:
        http = client(server.url)
        assert http.write(PUT).status == 308
        assert http.read(GET).status == 308
        assert server.requests == 2


def test_the_key_never_stays_in_what_is_kept() -> None:
    """QA-M8"""
    network = Network(Answer('{"msg": "key-one-1234 is no key of ours"}', 403))
    reply = client("https://vast.test", network=network).write(PUT)
    assert reply.text() == '{"msg": "[key] is no key of ours"}'
    assert "key-one" not in repr(replace(reply, body=b""))


@pytest.mark.parametrize("url", ["", "vast.test", "ftp://vast.test", "http://", "http://[::1"])
def test_a_base_url_that_is_none_reaches_nobody(url: str) -> None:
    with pytest.raises(ProviderUnavailable):
        client(url).read(GET)


def test_every_try_waits_for_its_turn_before_it_is_sent() -> None:
    """5.0: a repeat counts at the provider like any other call."""
    turns, network = Turns(), Network(Answer("", 503), Answer("", 503), Answer({}))
    client("https://provider.test", network=network, turns=turns).read(GET)
    assert turns.asked == [("read", Turn.USUAL)] * len(network.sent) == [("read", Turn.USUAL)] * 3


def test_a_call_without_a_turn_is_neither_sent_nor_tried_again() -> None:
    turns, network = Turns(TooSoon("the line is long", retry_after_s=7)), Network(Answer({}))
    http = client("https://provider.test", network=network, turns=turns)
    with pytest.raises(TooSoon):
        http.read(GET)
    with pytest.raises(TooSoon):
        http.write(PUT)
    assert turns.asked == [("read", Turn.USUAL), ("write", Turn.LAUNCH)]
    assert network.sent == []
