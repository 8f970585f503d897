"""The port that a machine's image serves: an HTTP server on a loopback port of its own.

The port is bound when the machine is accepted; it answers only while a machine runs whose image
serves by itself (Vast.ai's runtype `args`), as vLLM or TGI would.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

from aiohttp import web

Mode = dict[str, Any]


class HttpEndpoint:
    """One mapped port. `mode` is asked for every request: {status?, delay_s?, refuse?}."""

    def __init__(self, inside_port: int, mode: Callable[[], Mode | None]) -> None:
        self.inside_port = inside_port
        self._mode = mode
        self._starting: asyncio.Task[asyncio.Server] | None = None
        self._server = web.Server(self._answer, access_log=None)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Begin to listen; harmless when it does already."""
        if self._starting is None and self._socket.fileno() >= 0:
            loop = asyncio.get_running_loop()
            self._starting = asyncio.create_task(
                loop.create_server(self._server, sock=self._socket)
            )

    def close(self) -> None:
        """Stop listening, cut every connection and give the port back."""
        if self._starting is not None and self._starting.done():
            self._starting.result().close()
        elif self._starting is not None:
            self._starting.cancel()
        for connection in self._server.connections:
            connection.force_close()
        self._socket.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        mode = self._mode() or {}
        await asyncio.sleep(float(mode.get("delay_s") or 0))
        if mode.get("refuse") and request.transport is not None:
            request.transport.abort()
        status = int(mode.get("status") or 200)
        text = json.dumps(_body(request.path) if status == 200 else {"error": f"status {status}"})
        return web.Response(status=status, text=text, content_type="application/json")


def _body(path: str) -> dict[str, Any]:
    """What an inference server says there, in short."""
    if path.startswith("/v1/models"):
        return {"object": "list", "data": [{"id": "simulated", "object": "model"}]}
    return {"status": "ok"}
