"""A server that speaks raw bytes, for answers no well-behaved HTTP library would send."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

type Script = Callable[[socket.socket, threading.Event], None]
"""Answers one request that has been read; the event is set when the test is over."""


class WireServer:
    """Plays `script` for every request; counts connections and requests."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.over = threading.Event()
        self.connections = 0
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while _request(connection):
                    self.requests += 1
                    self._script(connection, self.over)
            except OSError:
                return


def _request(connection: socket.socket) -> bool:
    """Read one request with its body; False at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            return False
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *([0-9]+)", head, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return True


@contextmanager
def serving(script: Script) -> Iterator[WireServer]:
    """A server for the block."""
    server = WireServer(script)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """A whole HTTP answer; `length` lies about the body's size."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
