"""Actions that befall a machine: at its creation, or at once when it exists already."""

from __future__ import annotations

from simulator.faults.catalogue import CATALOGUE
from simulator.faults.rules import Rule
from simulator.instances import Fate, Instance
from simulator.world import World


def fate_of(rules: list[Rule]) -> Fate:
    """What the acting rules of a create decide about the new machine's start."""
    fate = Fate()
    for rule in rules:
        if rule.action == "stuck_loading":
            fate.stuck = True
        elif rule.action == "create_failed_text":
            fate.create_error = rule.params["text"]
        elif rule.action == "price_change" and rule.params["what"] == "instance":
            fate.price_factor = rule.params["factor"]
        elif rule.action == "resurrect":
            fate.resurrect_after_s = rule.params["after_s"]
    return fate


def strike(world: World, instance: Instance, rules: list[Rule]) -> None:
    """Start what acting rules do to a machine that exists now."""
    fleet = world.fleet
    for rule in rules:
        params = rule.params
        if rule.action == "die":
            word = params["word"] or instance.words.dead
            fleet.later(instance, params["after_s"], lambda w=word: fleet.die(instance, w))  # type: ignore[misc]  # a bound default is not part of the type
        elif rule.action == "vanish":
            fleet.later(instance, params["after_s"], lambda: fleet.end(instance, "vanished"))


def strike_existing(world: World, rule: Rule) -> None:
    """A rule whose match names machines acts on those that exist when it is posted."""
    if not CATALOGUE[rule.action].on_instances or not _names_machines(rule):
        return
    for instance in list(world.fleet.everything()):
        if _covered(rule, instance) and rule.fires(
            rule.matched + 1, world.clock.now_s(), world.seed
        ):
            rule.matched += 1
            world.rules.count(rule)
            _befall(world, instance, rule)


def _names_machines(rule: Rule) -> bool:
    return bool({"instance_id", "label", "offer_id"} & set(rule.match))


def _covered(rule: Rule, instance: Instance) -> bool:
    if rule.selectors.get("provider") not in (None, instance.provider):
        return False
    if rule.action == "price_change" and rule.params["what"] == "offer":
        return False
    fits = rule.covers(
        instance.label, instance.offer_id, str(instance.id), instance.hardware.gpu_name
    )
    return fits and (instance.alive or rule.action == "resurrect")


def _befall(world: World, instance: Instance, rule: Rule) -> None:
    match rule.action:
        case "stuck_loading":
            instance.fate.stuck = True
        case "create_failed_text":
            instance.status_msg = rule.params["text"]
            world.fleet.die(instance, instance.words.failed)
        case "price_change":
            price = round(instance.price_micro * rule.params["factor"])
            instance.reprice(world.clock.now_s(), price)
        case "resurrect" if not instance.alive:
            world.clock.later(rule.params["after_s"], lambda: world.fleet.resurrect(instance))
        case "resurrect":
            instance.fate.resurrect_after_s = rule.params["after_s"]
        case _:
            strike(world, instance, [rule])
