"""Changes to one machine from outside its provider's API."""

from __future__ import annotations

from typing import Any

from simulator import checks
from simulator.checks import BadField
from simulator.faults.catalogue import SSH_MODES
from simulator.fleet import micro
from simulator.instances import Instance
from simulator.world import World

_PERCENT = checks.number(0, 100)
FIELDS: dict[str, checks.Check] = {
    "status": checks.maybe(checks.text),
    "die": checks.anything,
    "ssh": checks.anything,
    "host_key": checks.anything,
    "price_per_hour": checks.number(),
    "resurrect": checks.flag,
    "remove": checks.flag,
    "hidden": checks.flag,
    "util_pct": _PERCENT,
    "disk_used_pct": _PERCENT,
    "oom": checks.flag,
    "cuda_version": checks.maybe(checks.number()),
    "missing_gpus": checks.integer(),
}


_INSIDE = ("util_pct", "disk_used_pct", "oom", "cuda_version", "missing_gpus")


def apply(world: World, instance: Instance, body: Any) -> None:
    """Carry out a POST to `/_test/instances/{id}`. Raises BadField before changing anything."""
    given = checks.fields(body, FIELDS)
    if "ssh" in given:
        instance.ssh_mode = _ssh_mode(given["ssh"])
    for name in ("hidden", *_INSIDE):
        if name in given:
            setattr(instance if name == "hidden" else instance.inside, name, given[name])
    if "price_per_hour" in given:
        instance.reprice(world.clock.now_s(), micro(given["price_per_hour"]))
    if "status" in given:
        world.fleet.show_status(instance, given["status"])
    if given.get("die"):
        word = given["die"] if isinstance(given["die"], str) else instance.words.dead
        world.fleet.die(instance, word)
    if given.get("host_key") and instance.ssh:
        instance.ssh.change_host_key()
    _existence(world, instance, given)


def _existence(world: World, instance: Instance, given: dict[str, Any]) -> None:
    if given.get("resurrect"):
        world.fleet.resurrect(instance)
    if "remove" in given:
        instance.removed = given["remove"]
        if given["remove"]:
            world.fleet.end(instance, "removed")


def _ssh_mode(value: Any) -> dict[str, Any] | None:
    if value is None or value is False:
        return None
    mode = {"mode": value} if isinstance(value, str) else checks.mapping("ssh", value)
    if mode.get("mode") not in SSH_MODES:
        raise BadField("ssh.mode", f"must be one of {', '.join(SSH_MODES)}")
    return dict(mode)


def make_older(instance: Instance, age_s: float) -> None:
    """Let a machine have begun, and cost, `age_s` seconds earlier."""
    instance.created_s -= age_s
    instance.spans[0].start_s -= age_s
    if instance.started_s is not None:
        instance.started_s -= age_s
