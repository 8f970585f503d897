"""How each fault action is seen by a client: a case arranges, posts the rule, and looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulator.driver import KeyPair, Sim

Post = Callable[..., None]
Case = Callable[[Sim, KeyPair, Post], bool]

# A patience that is certainly shorter than a hanging answer.
SHORT_S = 0.3
LIST = "/api/v1/instances/"
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Register how an action (with a variant after a blank) is seen."""

    def register(function: Case) -> Case:
        CASES[name] = function
        return function

    return register


def fails(call: Callable[[], Any], *errors: type[Exception]) -> bool:
    """Whether the call raises one of the errors."""
    try:
        call()
    except errors:
        return True
    return False


def listed(sim: Sim) -> list[int]:
    """Ids in the first page of the list."""
    return [row["id"] for row in sim.list()["instances"]]


def shown(sim: Sim) -> dict[str, Any]:
    """The single row of a fresh running machine."""
    row = sim.get(sim.rent())
    assert row
    return row
