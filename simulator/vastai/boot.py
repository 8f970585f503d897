"""How long a Vast.ai machine takes to start, by the knobs or by observed distributions."""

from __future__ import annotations

from simulator import draws
from simulator.instances import Instance
from simulator.world import World

_LOADING_MEDIAN_S = 70.0
_LOADING_SPREAD = 0.6
_LOADING_RANGE_S = (20.0, 300.0)

_NEVER_LOADS, _NEVER_CREATED, _NO_SSH = 0.04, 0.01, 0.02  # shares of creates, observed
_LOST_LATER = 0.01  # running for a while, then offline, or in a state that nobody knows
_LOST_AFTER_S = (300.0, 3_600.0)
_OUTBID_PER_H = 0.03  # of machines that were bid for
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
    fates = (
        (_NEVER_LOADS, _never_loads),
        (_NEVER_CREATED, _never_created),
        (_NO_SSH, _no_ssh),
        (_LOST_LATER, _lost_later),
    )
    draw = draws.share(world.seed, "start", instance.id)
    for share, happens in fates:
        if draw < share:
            happens(world, instance)
            return
        draw -= share
    if instance.request.get("price") is not None:
        _outbid(world, instance)


def _never_loads(world: World, instance: Instance) -> None:
    instance.fate.stuck = True
    instance.status_msg = _NO_IMAGE.format(image=instance.image)
    world.fleet.later(instance, _GIVES_UP_S, lambda: setattr(instance, "wanted", "stopped"))


def _never_created(_world: World, instance: Instance) -> None:
    instance.fate.create_error = _NO_RUNTIME


def _no_ssh(_world: World, instance: Instance) -> None:
    instance.ssh_mode = {"mode": "refuse"}


def _lost_later(world: World, instance: Instance) -> None:
    rng = draws.seeded(world.seed, "lost", instance.id)
    word = rng.choice(("unknown", "offline"))
    after_s = rng.uniform(*_LOST_AFTER_S)
    world.fleet.later(instance, after_s, lambda: world.fleet.show_status(instance, word))


def _outbid(world: World, instance: Instance) -> None:
    """At some time somebody bids more: the machine is stopped."""
    rng = draws.seeded(world.seed, "outbid", instance.id)
    after_s = rng.expovariate(_OUTBID_PER_H / 3_600)
    world.fleet.later(instance, after_s, lambda: world.fleet.die(instance, "stopped"))


def _observed(world: World) -> Plan:
    number = sum(1 for _ in world.fleet.everything())
    rng = draws.seeded(world.seed, "boot", number)
    low, high = _LOADING_RANGE_S
    loading_s = min(high, max(low, draws.lognormal(rng, _LOADING_MEDIAN_S, _LOADING_SPREAD)))
    return ((rng.uniform(3, 15), "loading"), (loading_s, "running"))
