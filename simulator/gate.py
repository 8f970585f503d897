"""The way in for requests to providers: journal, keys, rate limits, faults, then the handler."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import struct
import time
from typing import Any

from aiohttp import web

from simulator.faults import answers
from simulator.faults.answers import Cut, Drip, Outcome
from simulator.faults.rules import Occasion
from simulator.latency import delay_s
from simulator.limits import Limits
from simulator.wire import Call, Provider, Reply, Route
from simulator.world import World

_DRIP_S = 0.05


class Gate:
    """Answers every request that is meant for a provider."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits = Limits(world)
        self._patterns: dict[str, list[tuple[re.Pattern[str], Route]]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request from arrival to answer, with an entry in the journal."""
        provider = self._provider(request.path)
        call = await self._call(provider, request)
        started = time.monotonic()
        where = (call.method, request.path, request.query_string)
        entry = self._world.journal.begin(
            self._world.clock.now_s(), provider.name, where, _readable(call)
        )
        try:
            outcome = await self._conduct(provider, call)
            entry.status = _status(outcome)
        finally:
            entry.operation = call.operation or None
            entry.rules = [rule.id for rule in call.rules]
            entry.duration_ms = round((time.monotonic() - started) * 1000, 1)
        return await _send(request, outcome)

    def _provider(self, path: str) -> Provider:
        for provider in self._world.providers.values():
            if provider.prefix and path.startswith(provider.prefix + "/"):
                return provider
        return next(p for p in self._world.providers.values() if not p.prefix)

    async def _call(self, provider: Provider, request: web.Request) -> Call:
        return Call(
            method=request.method,
            path=request.path.removeprefix(provider.prefix),
            query=request.query,
            headers=request.headers,
            raw=await request.read(),
        )

    async def _conduct(self, provider: Provider, call: Call) -> Outcome:
        route = self._route(provider, call)
        call.operation = route.operation if route else ""
        call.instance = self._addressed(provider, call)
        call.rules = self._world.rules.consult(_occasion(provider, call))
        await asyncio.sleep(delay_s(self._world, provider.name))
        setting = answers.Setting(provider, call, self._world.released)
        return await answers.act(call.rules, setting, lambda: self._answer(provider, call, route))

    def _route(self, provider: Provider, call: Call) -> Route | None:
        if provider.name not in self._patterns:
            self._patterns[provider.name] = [(_compiled(r.pattern), r) for r in provider.routes]
        for pattern, route in self._patterns[provider.name]:
            found = pattern.fullmatch(call.path)
            if found and route.method == call.method:
                call.args = found.groupdict()
                return route
        return None

    def _addressed(self, provider: Provider, call: Call) -> Any:
        return self._world.fleet.get(call.args.get("instance_id", ""), provider.name)

    def _redirects(self, provider: Provider, call: Call) -> bool:
        strict = provider.paths_end_in_slash and self._world.knobs.flag("strict_slash")
        return strict and call.path.startswith("/api/") and not call.path.endswith("/")

    async def _answer(self, provider: Provider, call: Call, route: Route | None) -> Reply:
        if self._redirects(provider, call):
            return Reply(301, b"", {"Location": f"{provider.prefix}{call.path}/"})
        if route is None:
            return provider.not_found(call)
        if route.needs_key and (refused := provider.refuse_key(call)):
            return refused
        if limited := self._limits.refused(provider, call):
            return limited
        reply = route.handler(call)
        return await reply if inspect.isawaitable(reply) else reply


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", pattern.rstrip("/")) + "/?")


def _occasion(provider: Provider, call: Call) -> Occasion:
    instance = call.instance
    offer_id, gpu = provider.offer_facts(call)
    label = provider.label_asked(_readable(call)) if call.operation == "create" else None
    return Occasion(
        provider=provider.name,
        operation=call.operation,
        method=call.method,
        path=call.path,
        label=instance.label if instance else label,
        offer_id=instance.offer_id if instance else offer_id,
        instance_id=str(instance.id) if instance else call.args.get("instance_id"),
        gpu_type=instance.hardware.gpu_name if instance else gpu,
        body=call.raw.decode(errors="replace"),
    )


def _readable(call: Call) -> Any:
    try:
        return call.body()
    except ValueError:
        return call.raw.decode(errors="replace")


def _status(outcome: Outcome) -> int | None:
    if isinstance(outcome, Drip):
        return outcome.reply.status
    return outcome.status if isinstance(outcome, Reply) else None


async def _send(request: web.Request, outcome: Outcome) -> web.StreamResponse:
    if isinstance(outcome, Cut):
        _cut(request, outcome)
        return web.Response(status=500)
    if isinstance(outcome, Drip):
        return await _drip(request, outcome)
    return web.Response(status=outcome.status, body=outcome.body, headers=outcome.headers)


def _cut(request: web.Request, cut: Cut) -> None:
    transport = request.transport
    if transport is None:
        return
    if cut.reset:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _drip(request: web.Request, drip: Drip) -> web.StreamResponse:
    reply = drip.reply
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    step = max(1, int(drip.bytes_per_s * _DRIP_S))
    for start in range(0, len(reply.body), step):
        await response.write(reply.body[start : start + step])
        await asyncio.sleep(_DRIP_S)
    return response
