"""The HTTP server: control endpoints beside the providers' own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from dataclasses import dataclass

from aiohttp import web

from simulator.control import Control
from simulator.gate import Gate
from simulator.tensordock.provider import TensorDock
from simulator.vastai.provider import VastAi
from simulator.world import World

_LARGEST_BODY = 10 * 1024 * 1024
_SHUTDOWN_S = 0.2


@dataclass(frozen=True)
class Options:
    """How to start. `keys` None accepts any non-empty key."""

    host: str = "127.0.0.1"
    port: int = 8888
    seed: int = 1
    offers: int = 60
    keys: dict[str, list[str]] | None = None


def application(world: World) -> web.Application:
    """All routes: control first, everything else belongs to a provider."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.add_routes(Control(world).routes())
    app.router.add_route("*", "/_test/{rest:.*}", _no_control)
    app.router.add_route("*", "/{path:.*}", Gate(world).handle)
    return app


async def _no_control(request: web.Request) -> web.Response:
    text = json.dumps({"error": f"no control endpoint {request.method} {request.path}"})
    return web.Response(status=404, text=text, content_type="application/json")


def build_world(options: Options) -> World:
    """The state with every provider on it."""
    world = World(options.seed, options.offers, options.keys)
    world.add(VastAi(world))
    world.add(TensorDock(world))
    return world


class CannotListen(Exception):
    """The address is taken, or none of this machine's."""


async def serve(options: Options, stop: asyncio.Event) -> None:
    """Listen until `stop`; the first line on stdout tells the URL. Raises CannotListen."""
    listener = _listener(options)
    world = build_world(options)
    runner = web.AppRunner(application(world), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        port = listener.getsockname()[1]
        print(json.dumps({"url": f"http://{options.host}:{port}"}), flush=True)
        await stop.wait()
    finally:
        world.released.set()
        world.fleet.clear()
        await runner.cleanup()


def _listener(options: Options) -> socket.socket:
    try:
        return socket.create_server((options.host, options.port), backlog=256)
    except OverflowError as exc:
        raise CannotListen("a port is a number from 0 to 65535") from exc
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror
        raise CannotListen(f"cannot listen on {options.host}:{options.port}: {reason}") from exc
