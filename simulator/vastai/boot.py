"""How long a Vast.ai machine takes to start, by the knobs or by observed distributions."""

from __future__ import annotations

from simulator import draws
from simulator.instances import Instance
from simulator.world import World

_LOADING_MEDIAN_S = 70.0
_LOADING_SPREAD = 0.6
_LOADING_RANGE_S = (20.0, 300.0)

_NEVER_LOADS, _NEVER_CREATED, _NO_SSH = 0.04, 0.01, 0.02  # shares of creates, observed
_GIVES_UP_S = 420.0  # after this long the provider stops a machine that cannot load
_NO_IMAGE = "Error response from daemon: manifest for {image} not found: manifest unknown"
_NO_RUNTIME = "Error: OCI runtime create failed: container_linux.go:380: starting container"

Plan = tuple[tuple[float, str], ...]


def boot_plan(world: World) -> Plan:
    """(seconds after the step before, status): nothing, then loading, then running."""
    if world.knobs.flag("realistic"):
        return _observed(world)
    boot = world.knobs.boot("vastai")
    return ((boot.null_s, "loading"), (boot.loading_s, "running"))


def befall(world: World, instance: Instance) -> None:
    """With `realistic`, the share of starts that go wrong by themselves."""
    if not world.knobs.flag("realistic"):
        return
    draw = draws.share(world.seed, "start", instance.id)
    if draw < _NEVER_LOADS:
        instance.fate.stuck = True
        instance.status_msg = _NO_IMAGE.format(image=instance.image)
        world.fleet.later(instance, _GIVES_UP_S, lambda: setattr(instance, "wanted", "stopped"))
    elif draw < _NEVER_LOADS + _NEVER_CREATED:
        instance.fate.create_error = _NO_RUNTIME
    elif draw < _NEVER_LOADS + _NEVER_CREATED + _NO_SSH:
        instance.ssh_mode = {"mode": "refuse"}


def _observed(world: World) -> Plan:
    number = sum(1 for _ in world.fleet.everything())
    rng = draws.seeded(world.seed, "boot", number)
    low, high = _LOADING_RANGE_S
    loading_s = min(high, max(low, draws.lognormal(rng, _LOADING_MEDIAN_S, _LOADING_SPREAD)))
    return ((rng.uniform(3, 15), "loading"), (loading_s, "running"))
