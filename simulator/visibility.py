"""Which machines a provider's reads show: knobs and faults that make them late or untrue."""

from __future__ import annotations

from simulator import draws
from simulator.faults.rules import Rule
from simulator.instances import Instance
from simulator.wire import Call
from simulator.world import World


def single(world: World, call: Call) -> Instance | None:
    """The machine that a look at one shows, None when it says that there is none."""
    instance = call.instance
    if instance is None or not instance.alive or instance.hidden or instance.removed:
        return None
    now_s = world.clock.now_s()
    late = now_s - instance.created_s < world.knobs.seconds("single_lag_s")
    return None if late or _nulled(call, now_s) else instance


def _nulled(call: Call, now_s: float) -> bool:
    rule = call.rule("single_null")
    if rule is None or rule.first_fired_s is None:
        return False
    lasts_s = rule.params["s"]
    return lasts_s is None or now_s - rule.first_fired_s <= lasts_s


def listed(world: World, provider: str, rules: list[Rule]) -> list[Instance]:
    """The provider's machines that a list shows, some perhaps twice."""
    shown = [i for i in world.fleet.everything() if i.provider == provider and _in_lists(world, i)]
    for rule in rules:
        shown = _bent(shown, rule, world)
    return shown


def _in_lists(world: World, instance: Instance) -> bool:
    now_s, knobs = world.clock.now_s(), world.knobs
    if instance.hidden or instance.removed:
        return False
    if instance.ended_s is not None:
        return now_s - instance.ended_s < knobs.seconds("gone_linger_s")
    return now_s - instance.created_s >= knobs.seconds("list_lag_s")


def _bent(instances: list[Instance], rule: Rule, world: World) -> list[Instance]:
    """What the fault lets through, before it is cut into pages."""
    match rule.action:
        case "list_empty":
            return []
        case "list_partial":
            return [i for i in instances if not (named(rule, i) and _drops(rule, i, world.seed))]
        case "list_lag":
            now_s, lag_s = world.clock.now_s(), rule.params["s"]
            return [i for i in instances if not named(rule, i) or now_s - i.created_s >= lag_s]
        case "list_duplicates":
            return [i for i in instances for _ in range(2 if named(rule, i) else 1)]
        case _:
            return instances


def _drops(rule: Rule, instance: Instance, seed: int) -> bool:
    if "drop_ids" in rule.params:
        return str(instance.id) in rule.params["drop_ids"]
    return draws.share(seed, rule.id, instance.id) < float(rule.params["drop_share"])


def named(rule: Rule, instance: Instance) -> bool:
    """Whether the rule's match is about this machine."""
    return rule.covers(
        instance.label, instance.offer_id, str(instance.id), instance.hardware.gpu_name
    )
