"""I2 and N-37: what must be true of a session when it is written to have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_shopper.core.states import State

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.watch import Watch

type Item = dict[str, Any]


def check_ended(watch: Watch, item: Item, was: str) -> None:
    """I2: nothing of an ended session costs money; N-37: nor does it keep its key."""
    for machine in watch.machines.get(item["id"], []):
        if machine.is_alive(watch.now_ms) and not _nobody_could_know(watch, item, was, machine):
            watch.broken("I2", item, f"is {item['state']} while machine {machine.id} lives")
    if "probe_key_sealed" in item:
        watch.broken("N-37", item, "keeps its probe key after its end")


def _nobody_could_know(watch: Watch, item: Item, was: str, machine: Machine) -> bool:
    """Of a machine that listings hid and whose id was never told, or that nothing showed.

    Who only watches, and has asked for nothing, must not be taken in by a moment's absence.
    """
    if machine.label != item["attempts"][-1]["label"] and machine.has_deceived(watch.now_ms):
        return True
    if was == State.STOPPING.value and machine.surprises(watch.now_ms):
        return True
    if _blinked_in_step(watch, machine):
        return True
    known = machine.id in watch.sessions[item["id"]].known_ms
    return not known and not machine.is_listed(watch.now_ms)


def _blinked_in_step(watch: Watch, machine: Machine) -> bool:
    """True when it blinked twice and no pass of the reconciler lived in between."""
    spans = [(machine.created_ms + a, machine.created_ms + b) for a, b in machine.nature.blinks]
    if len(spans) < 2 or watch.now_ms < spans[1][0]:
        return False
    between = range(spans[0][1], spans[1][0])
    return not any(at_ms in between for at_ms in watch.listings_ms)
