"""Rate limits of a provider (the knob `rate_limit`), refused before anything happens."""

from __future__ import annotations

from dataclasses import replace

from simulator import draws
from simulator.wire import Call, Provider, Reply
from simulator.world import World

# Seconds between two calls of one kind by one identity, as Vast.ai documents them.
VAST_INTERVALS_S = {
    "create": 4.5,
    "destroy": 3.0,
    "get": 2.0,
    "list": 1.0,
    "change": 1.0,
    "change_many": 2.0,
    "detach_key": 2.0,
    "add_account_key": 1.0,
    "templates": 3.0,
    "charges": 1.0,
}


class Limits:
    """Refuses what comes too soon after the last call of its identity and operation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._refused = 0

    def refused(self, provider: Provider, call: Call) -> Reply | None:
        """The 429 for a call that came too early, else None."""
        interval_s = self._interval_s(provider, call.operation)
        if interval_s <= 0:
            return None
        identity = (provider.name, call.operation, _caller(call))
        now_s = self._world.clock.now_s()
        wait_s = self._world.last_call_s.get(identity, -interval_s) + interval_s - now_s
        if wait_s <= 0:
            self._world.last_call_s[identity] = now_s
            return None
        return self._reply(provider, wait_s)

    def _interval_s(self, provider: Provider, operation: str) -> float:
        knob = self._world.knobs.values["rate_limit"]
        if knob == "off":
            self._world.last_call_s.clear()
            return 0.0
        if knob == "vast_intervals":
            return VAST_INTERVALS_S.get(operation, 0.0) if provider.name == "vastai" else 0.0
        return 1.0 / knob if knob else 0.0

    def _reply(self, provider: Provider, wait_s: float) -> Reply:
        self._refused += 1
        reply = provider.refusal(429)
        share = self._world.knobs.seconds("retry_after_share")
        if draws.share(self._world.seed, "retry_after", self._refused) >= share:
            return reply
        return replace(reply, headers={**reply.headers, "Retry-After": f"{wait_s:.3f}"})


def _caller(call: Call) -> str:
    key = call.query.get("api_key", "") + call.query.get("api_token", "")
    return call.headers.get("Authorization", "") or key
