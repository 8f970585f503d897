"""Which seed notices that a rule is missing: the known one, or the first that is found.

What seeds draw changes with the simulation, so `python -m tests.simulation mutants` writes the
known ones down anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.runner import played, processes
from tests.simulation.simulation import simulated

RAISED = "I0 "
"""A mutant that only raises is no product without a rule, but a broken one: that proves nothing."""

KNOWN = Path(__file__).with_name("known_seeds.json")


@dataclass(frozen=True, slots=True)
class Caught:
    """A seed that noticed a missing rule, and how."""

    rule: str
    seed: int | None
    violation: str


def mutants(most_seeds: int, workers: int) -> Iterator[Caught]:
    """Each mutant with the seed that caught it, None if none did."""
    with processes(workers) as pool:
        yield from pool.imap(partial(_numbered, most_seeds), range(len(MUTANTS)))


def _numbered(most_seeds: int, number: int) -> Caught:
    """Mutants themselves do not go from one process to another."""
    return caught(most_seeds, MUTANTS[number])


def caught(most_seeds: int, mutant: Mutant) -> Caught:
    """The seed that is known to notice, or else the first of `most_seeds` that does."""
    known = [_known()[mutant.rule]] if mutant.rule in _known() else []
    with mutant.applied():
        for seed in chain(known, range(1, most_seeds + 1)):
            broken = played(simulated(seed), "").broken
            if broken and not broken[0][1].startswith(RAISED):
                return Caught(mutant.rule, seed, broken[0][1])
    return Caught(mutant.rule, None, "")


def write_down(found: Iterable[Caught]) -> None:
    """Keep these seeds for the next time."""
    seeds = {one.rule: one.seed for one in found if one.seed is not None}
    KNOWN.write_text(json.dumps(seeds, indent=2, ensure_ascii=False) + "\n", "utf-8")


@cache
def _known() -> Mapping[str, int]:
    known: dict[str, int] = json.loads(KNOWN.read_text("utf-8"))
    return known
