"""What a delay may be blamed on: the provider's own trouble, and losses of our own functions."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tests.simulation.machine import Machine, Span
from tests.simulation.plan import Plan
from tests.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

COST_OF_LOSS_MS = {
    "execution": 200 * SECOND,
    "start of an execution": 200 * SECOND,
    "function": 65 * SECOND,
    "sweep": 65 * SECOND,
    "punctual sweep": 50 * SECOND,
}
"""What each loss of ours adds at most: a sweep notices a dead execution after 60 s of silence."""

SWEEPS = ("sweep", "punctual sweep", "function")


def excused_ms(
    plan: Plan,
    deployment: Deployment,
    machine: Machine,
    from_ms: int,
    until_ms: int,
    losses: Collection[str] = COST_OF_LOSS_MS,
) -> int:
    """The provider's trouble with this machine in that time, and what our own losses add."""
    nature, born_ms = machine.nature, machine.created_ms
    spans = [
        (spell.from_ms, spell.until_ms)
        for spell in plan.spells
        if spell.provider == machine.provider
    ]
    hidden = (nature.unlisted, nature.unfound, *nature.blinks)
    spans += [(born_ms + a, born_ms + b) for a, b in hidden]
    spans.append((born_ms, born_ms + max(nature.unseen_ms, nature.unlisted_ms)))
    trouble_ms = overlap_ms(spans, from_ms, until_ms) + nature.ending_ms
    trouble_ms += machine.ignored * MINUTE
    return trouble_ms + cost_of_losses_ms(deployment, from_ms, until_ms, losses)


def cost_of_losses_ms(
    deployment: Deployment,
    from_ms: int,
    until_ms: int,
    losses: Collection[str] = COST_OF_LOSS_MS,
) -> int:
    """What functions, executions and sweeps that did not do their work add."""
    return sum(
        COST_OF_LOSS_MS[what]
        for at_ms, what in deployment.watch.losses
        if what in losses and from_ms - MINUTE <= at_ms <= until_ms
    )


def overlap_ms(spans: list[Span], from_ms: int, until_ms: int) -> int:
    """How much of the time lies in any of the spans."""
    total, reached = 0, from_ms
    for begins, ends in sorted(spans):
        begins, ends = max(begins, reached), min(ends, until_ms)
        if ends > begins:
            total += ends - begins
            reached = ends
    return total
