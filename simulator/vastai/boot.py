"""How long a Vast.ai machine takes to start, by the knobs or by observed distributions."""

from __future__ import annotations

from simulator import draws
from simulator.world import World

_LOADING_MEDIAN_S = 70.0
_LOADING_SPREAD = 0.6
_LOADING_RANGE_S = (20.0, 300.0)

Plan = tuple[tuple[float, str], ...]


def boot_plan(world: World) -> Plan:
    """(seconds after the step before, status): nothing, then loading, then running."""
    if world.knobs.flag("realistic"):
        return _observed(world)
    boot = world.knobs.boot("vastai")
    return ((boot.null_s, "loading"), (boot.loading_s, "running"))


def _observed(world: World) -> Plan:
    number = sum(1 for _ in world.fleet.everything())
    rng = draws.seeded(world.seed, "boot", number)
    low, high = _LOADING_RANGE_S
    loading_s = min(high, max(low, draws.lognormal(rng, _LOADING_MEDIAN_S, _LOADING_SPREAD)))
    return ((rng.uniform(3, 15), "loading"), (loading_s, "running"))
