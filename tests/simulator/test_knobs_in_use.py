"""Every way in which the simulator can trouble a session is met by some end-to-end test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import knobs, patch
from simulator.faults.catalogue import CATALOGUE, GARBAGE, SSH_MODES

E2E = Path(__file__).parents[1] / "e2e"

ELSEWHERE = {
    "seed": "chooses the market; concerns no session",
    "speed": "the simulator's own clock; the deployed product has another",
    "realistic": "minutes of loading: the adapters and the simulation know them",
    "churn": "changes the menu, not sessions; a stale offer is no_such_ask",
    "stale_locations": "refuses like no_capacity, by chance",
    "logs_delay_s": "nothing reads a machine's log while its session lives",
    "hidden": "both lookup and list deny a machine that lives: no evidence would be left",
    "die": "the fault of the same name",
    "remove": "the fault vanish",
    "resurrect": "the fault of the same name",
    "util_pct": "what an agent reports; the simulator's machines run none",
}
"""Knobs, and changes of one machine, that no end-to-end test names, and why."""


def _values(tree: ast.AST) -> Iterator[str]:
    """Texts that are used as values: not as keys, and not to look something up."""
    keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    keys |= {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys:
            yield node.value


def _names(tree: ast.AST) -> Iterator[str]:
    """Keys of written dictionaries, and names of arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        for key in node.keys if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value


TREES = [ast.parse(file.read_text("utf-8")) for file in sorted(E2E.glob("*.py"))]
VALUES = {value for tree in TREES for value in _values(tree)}
NAMES = {name for tree in TREES for name in _names(tree)}
TURNED = sorted({*knobs.Knobs().values, *patch.FIELDS})


@pytest.mark.parametrize("fault", sorted({*CATALOGUE, *SSH_MODES, *GARBAGE}))
def test_every_fault_is_met_by_an_end_to_end_test(fault: str) -> None:
    assert fault in VALUES


@pytest.mark.parametrize("knob", TURNED)
def test_every_knob_is_turned_by_an_end_to_end_test_or_says_why_not(knob: str) -> None:
    assert knob in NAMES or knob in ELSEWHERE


def test_nothing_is_excused_that_does_not_exist() -> None:
    assert set(ELSEWHERE) <= set(TURNED)
