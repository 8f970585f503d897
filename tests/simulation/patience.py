"""I7: how long a session may stay in a state from which it should move on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_shopper.core.states import State
from tests.simulation.excuses import cost_of_losses_ms, excused_ms
from tests.simulation.instants import ms_of
from tests.simulation.machine import NEVER
from tests.simulation.scheduler import MINUTE, SECOND, Violation

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment
    from tests.simulation.machine import Machine
    from tests.simulation.plan import Plan
    from tests.simulation.seen import Seen

type Item = dict[str, Any]

SWEEP_MS = 75 * SECOND
"""From an instant that is due to the sweep that handles it."""


def check_patience(plan: Plan, deployment: Deployment, seen: Seen, now_ms: int) -> None:
    """Raises Violation when the state that is left now, or that lasts at the end, lasted long."""
    state, entered_ms = seen.state, seen.entered_ms
    if state == State.PENDING.value:
        until_ms = entered_ms + 2 * MINUTE + SWEEP_MS
    elif state == State.STOPPING.value or seen.failed_ms is not None:
        until_ms = _torn_down_until_ms(plan, deployment, seen, now_ms)
    elif state == State.PROVISIONING.value:
        until_ms = _provisioning_until_ms(seen)
    else:
        return
    allowed_ms = until_ms + cost_of_losses_ms(deployment, entered_ms, now_ms)
    if now_ms > allowed_ms:
        over_s = (now_ms - allowed_ms) / 1_000
        raise Violation(f"I7 session {seen.id} is {state} {over_s} s longer than it may")


def _provisioning_until_ms(seen: Seen) -> int:
    """The attempt's own deadline, or 5 minutes without a machine's id; then a sweep."""
    attempt, item = seen.attempt, seen.item
    called_ms = ms_of(attempt.get("called_at") or attempt["started_at"])
    if "instance_id" not in attempt:
        return called_ms + 5 * MINUTE + SWEEP_MS
    deadline_ms = ms_of(attempt["launched_at"]) + int(item["wish"]["ssh_timeout_min"]) * MINUTE
    known_ms = seen.known_ms[attempt["instance_id"]]
    return max(deadline_ms + MINUTE, known_ms) + SWEEP_MS


def _torn_down_until_ms(plan: Plan, deployment: Deployment, seen: Seen, now_ms: int) -> int:
    """Six minutes after its machine's end, or after the call that may have rented one."""
    machines = deployment.watch.machines.get(seen.id, [])
    attempt = seen.attempt
    called_ms = ms_of(attempt.get("called_at") or attempt["started_at"])
    from_ms = max(
        [seen.failed_ms or seen.end_due_ms, called_ms, *(_end_ms(one, now_ms) for one in machines)]
    )
    excuses = [excused_ms(plan, deployment, one, from_ms, now_ms) for one in machines]
    return from_ms + 6 * MINUTE + sum(excuses) + _spells_ms(plan, seen, from_ms, now_ms)


def _end_ms(machine: Machine, now_ms: int) -> int:
    if machine.gone_ms == NEVER:
        return now_ms
    return machine.gone_ms + machine.nature.lingers_ms


def _spells_ms(plan: Plan, seen: Seen, from_ms: int, now_ms: int) -> int:
    return sum(
        max(0, min(now_ms, spell.until_ms) - max(from_ms, spell.from_ms))
        for spell in plan.spells
        if spell.provider == seen.attempt["provider"]
    )
