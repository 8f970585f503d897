"""What a server that others run answers: its status, read within a time and up to a size."""

from __future__ import annotations

import io
import socket
from http.client import HTTPException, HTTPResponse
from time import monotonic


def status_of(connection: socket.socket, method: str, ends_s: float, max_bytes: int) -> int:
    """The status of the first answer that is not merely informational; its body is not read.

    `ends_s` is an instant of the monotonic clock. Raises OSError, HTTPException, ValueError.
    """
    source = _Limited(connection, ends_s, max_bytes)
    response = HTTPResponse(source, method=method)  # type: ignore[arg-type]  # only makefile() is used
    response.begin()
    return response.status


class _Limited(io.RawIOBase):
    """What comes from a socket, until a time and up to a size: a server may drip for ever."""

    def __init__(self, connection: socket.socket, ends_s: float, max_bytes: int) -> None:
        self._connection = connection
        self._ends_s = ends_s
        self._left = max_bytes

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a memoryview is what io gives
        left_s = self._ends_s - monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer took too long")
        if self._left == 0:
            raise HTTPException("the answer is too long")
        self._connection.settimeout(left_s)
        got = self._connection.recv_into(buffer[: self._left])
        self._left -= got
        return got
