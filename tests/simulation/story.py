"""The story of a run, for people."""

from __future__ import annotations

import re
from typing import Any

from tests.simulation.scheduler import Violation
from tests.simulation.simulation import Simulation

_SESSION = re.compile(r"0000000(\d)-0000-4000-8000-0*([0-9a-f]+)")
_WIDTH = 200


def told(simulation: Simulation) -> tuple[list[str], Violation | None]:
    """Play it, and give what happened, line by line, and what broke."""
    lines: list[str] = []
    simulation.ports.story = lines
    broken = None
    try:
        simulation.play()
    except Violation as violation:
        broken = violation
    return [_short(line) for line in lines], broken


def readable(lines: list[str]) -> list[str]:
    """The lines that tell something: not each call of the store, nor sweeps that found nothing."""
    return [line for line in lines if not _STORE.search(line) and not _IDLE.search(line)]


_STORE = re.compile(r": (get|put|update|delete|batch_\w+|transact_write|query)(_items?|_object)?\b")
_IDLE = re.compile(r": (note|begins|Swept|Reconciled|Refreshed)\b|list_(instances|offers) ->")


def heading(simulation: Simulation) -> list[str]:
    """What the seed is about."""
    plan = simulation.plan
    odds = {name: round(value, 3) for name, value in vars(plan.odds).items() if value}
    lines = [f"seed {plan.seed}: {', '.join(plan.deployments)} on {', '.join(plan.providers)}"]
    lines.append(f"  odds: {_listed(odds)}")
    lines += [f"  {rental}" for rental in plan.rentals]
    lines += [f"  {spell}" for spell in plan.spells]
    lines.append(f"  {plan.orphans} orphans and {plan.foreign} foreign machines from the beginning")
    return lines


def _listed(odds: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in odds.items()) or "nothing goes wrong"


def _short(line: str) -> str:
    return _SESSION.sub(r"S\1.\2", line)[:_WIDTH]
