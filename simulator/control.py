"""The control endpoints under `/_test/`: no authentication, hence loopback only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from simulator import checks, patch, scenarios
from simulator.checks import BadField
from simulator.clock import epoch_s, rfc3339
from simulator.faults.machines import strike_existing
from simulator.instances import MICRO
from simulator.knobs import FASTEST, PROVIDERS
from simulator.wire import Provider
from simulator.world import World

NAME = "gpu-shopper-simulator"
_FEW = 1000  # offers shown when no limit is given
_NUMBER = checks.number()
_Endpoint = Callable[[web.Request], Awaitable[web.Response]]


class Control:
    """Everything a test may ask or change."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """All control routes, and `/health`."""
        table: list[tuple[str, str, _Endpoint]] = [
            ("GET", "/health", self._health),
            ("POST", "/_test/reset", self._reset),
            ("GET", "/_test/config", self._config),
            ("POST", "/_test/config", self._configure),
            ("GET", "/_test/faults", self._rules),
            ("POST", "/_test/faults", self._add_rules),
            ("DELETE", "/_test/faults", self._clear_rules),
            ("DELETE", "/_test/faults/{id}", self._remove_rule),
            ("POST", "/_test/orphan", self._orphan),
            ("GET", "/_test/instances", self._instances),
            ("POST", "/_test/instances/{id}", self._patch),
            ("GET", "/_test/offers", self._offers),
            ("POST", "/_test/offers", self._change_offers),
            ("GET", "/_test/requests", self._requests),
            ("GET", "/_test/ledger", self._ledger),
            ("POST", "/_test/clock", self._clock),
            ("POST", "/_test/outage", self._outage),
            ("POST", "/_test/scenario", self._scenario),
        ]
        return [web.route(method, path, _guarded(act)) for method, path, act in table]

    async def _health(self, _request: web.Request) -> web.Response:
        now = rfc3339(self._world.clock.now_s())
        return _answer({"status": "ok", "type": NAME, "seed": self._world.seed, "now": now})

    async def _reset(self, request: web.Request) -> web.Response:
        known = {
            "seed": checks.integer(),
            "offers": checks.integer(1, 200_000),
            "scenario": checks.one_of(*scenarios.SCENARIOS),
        }
        given = checks.fields(await _body(request), known)
        self._world.restart(given.get("seed"), given.get("offers"))
        if "scenario" in given:
            scenarios.install(self._world, given["scenario"])
        return _answer({"status": "reset", "seed": self._world.seed, "offers": self._world.offers})

    async def _config(self, _request: web.Request) -> web.Response:
        values = {**self._world.knobs.values, "speed": self._world.clock.speed}
        return _answer(values)

    async def _configure(self, request: web.Request) -> web.Response:
        self._world.configure(await _body(request))
        return await self._config(request)

    async def _rules(self, _request: web.Request) -> web.Response:
        return _answer({"faults": [rule.shown() for rule in self._world.rules.rules]})

    async def _add_rules(self, request: web.Request) -> web.Response:
        body = await _body(request)
        rules = [
            self._world.rules.add(part) for part in (body if isinstance(body, list) else [body])
        ]
        for rule in rules:
            strike_existing(self._world, rule)
        shown = [rule.shown() for rule in rules]
        return _answer(shown if isinstance(body, list) else shown[0], 201)

    async def _clear_rules(self, _request: web.Request) -> web.Response:
        count = len(self._world.rules.rules)
        self._world.rules.rules.clear()
        return _answer({"removed": count})

    async def _remove_rule(self, request: web.Request) -> web.Response:
        if not self._world.rules.remove(request.match_info["id"]):
            return _answer({"error": "no such rule"}, 404)
        return _answer({"removed": 1})

    async def _orphan(self, request: web.Request) -> web.Response:
        known = {
            "provider": checks.one_of(*PROVIDERS),
            "label": checks.text,
            "gpu_type": checks.text,
            "status": checks.maybe(checks.text),
            "price_per_hour": _NUMBER,
            "age_s": _NUMBER,
        }
        given = checks.fields(await _body(request), known)
        provider = self._provider(given.get("provider", "vastai"))
        instance = provider.plant(
            given.get("label", ""), given.get("gpu_type"), given.get("price_per_hour")
        )
        patch.make_older(instance, given.get("age_s", 0.0))
        if "status" in given:
            self._world.fleet.show_status(instance, given["status"])
        return _answer({"instance_id": str(instance.id), "label": instance.label}, 201)

    def _provider(self, name: str) -> Provider:
        if name not in self._world.providers:
            raise BadField("provider", f"{name} is not simulated")
        return self._world.providers[name]

    async def _instances(self, _request: web.Request) -> web.Response:
        now_s = self._world.clock.now_s()
        rows = [instance.truth(now_s) for instance in self._world.fleet.everything()]
        return _answer({"instances": rows, "alive": sum(row["alive"] for row in rows)})

    async def _patch(self, request: web.Request) -> web.Response:
        instance = self._world.fleet.get(request.match_info["id"])
        if instance is None:
            return _answer({"error": "no such instance"}, 404)
        patch.apply(self._world, instance, await _body(request))
        return _answer(instance.truth(self._world.clock.now_s()))

    async def _offers(self, request: web.Request) -> web.Response:
        given = checks.known(dict(request.query), {"limit", "provider"})
        limit = int(given.get("limit", _FEW)) if given.get("limit", "0").isdecimal() else _FEW
        counts = {name: p.offer_counts() for name, p in self._world.providers.items()}
        rows = [
            {"provider": name, **row}
            for name, provider in self._world.providers.items()
            if given.get("provider", name) == name
            for row in provider.show_offers()
        ]
        return _answer({"counts": counts, "offers": rows[:limit]})

    async def _change_offers(self, request: web.Request) -> web.Response:
        body = dict(checks.mapping("body", await _body(request)))
        name = checks.one_of(*PROVIDERS)("provider", body.pop("provider", "vastai"))
        provider = self._provider(name)
        provider.change_offers(body)
        return _answer(provider.offer_counts())

    async def _requests(self, request: web.Request) -> web.Response:
        given = checks.known(dict(request.query), {"path", "method", "since", "provider"})
        entries = [e for e in self._world.journal.entries if _wanted(e.shown(), given)]
        return _answer({"requests": [entry.shown() for entry in entries]})

    async def _ledger(self, _request: web.Request) -> web.Response:
        now_s = self._world.clock.now_s()
        everything = list(self._world.fleet.everything())
        rows = [
            {
                "id": str(instance.id),
                "label": instance.label,
                "seconds": instance.seconds(now_s),
                "usd": instance.billed_micro(now_s) / MICRO,
            }
            for instance in everything
        ]
        total = sum(instance.billed_micro(now_s) for instance in everything) / MICRO
        alive = sum(instance.alive for instance in everything)
        return _answer({"instances": rows, "total_usd": total, "alive": alive})

    async def _clock(self, request: web.Request) -> web.Response:
        known = {"advance_s": _NUMBER, "speed": checks.number(0, FASTEST), "set": checks.anything}
        given = checks.fields(await _body(request), known)
        clock = self._world.clock
        if "speed" in given:
            clock.set_speed(given["speed"])
            self._world.knobs.values["speed"] = given["speed"]
        if "set" in given:
            clock.advance(_ahead(given["set"], clock.now_s()))
        clock.advance(given.get("advance_s", 0.0))
        return _answer({"now": rfc3339(clock.now_s())})

    async def _outage(self, request: web.Request) -> web.Response:
        body = checks.known(await _body(request), {"provider", "mode", "for_s"})
        action = {"type": "outage", **{k: v for k, v in body.items() if k != "provider"}}
        rule = self._world.rules.add({"provider": body.get("provider", "vastai"), "action": action})
        return _answer(rule.shown(), 201)

    async def _scenario(self, request: web.Request) -> web.Response:
        known = {"name": checks.one_of(*scenarios.SCENARIOS)}
        given = checks.fields(await _body(request), known)
        if "name" not in given:
            raise BadField("name", "is required")
        rules = scenarios.install(self._world, given["name"])
        return _answer({"rules": [rule.shown() for rule in rules]})


def _ahead(wanted: Any, now_s: float) -> float:
    try:
        target = float(wanted) if isinstance(wanted, int | float) else epoch_s(str(wanted))
    except ValueError as exc:
        raise BadField("set", "must be RFC 3339 with an offset, or epoch seconds") from exc
    if target < now_s:
        raise BadField("set", "must not lie before the present")
    return target - now_s


def _wanted(row: dict[str, Any], given: dict[str, Any]) -> bool:
    if not fnmatchcase(row["path"].rstrip("/"), given.get("path", "*").rstrip("/") or "*"):
        return False
    if given.get("method", row["method"]).upper() != row["method"]:
        return False
    if given.get("provider", row["provider"]) != row["provider"]:
        return False
    since = given.get("since")
    if since is None:
        return True
    return bool(row["number"] > int(since) if since.isdecimal() else row["at"] >= since)


def _guarded(act: _Endpoint) -> _Endpoint:
    async def answer(request: web.Request) -> web.Response:
        try:
            return await act(request)
        except BadField as exc:
            return _answer({"error": str(exc), "field": exc.field}, 400)

    return answer


async def _body(request: web.Request) -> Any:
    if not (await request.read()).strip():
        return {}
    try:
        return await request.json()
    except ValueError as exc:
        raise BadField("body", "must be JSON") from exc


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)
