"""`python -m tests.simulation`: play seeds, crash points and mutants; replay one as a story.

python -m tests.simulation 123                     one seed, told line by line
python -m tests.simulation crash 'expiry' 17 40    one path with crashes at those points
python -m tests.simulation seeds [first] [number]
python -m tests.simulation crashes
python -m tests.simulation mutants [seeds]
"""

from __future__ import annotations

import sys
from time import perf_counter

from tests.simulation import catching, runner, story
from tests.simulation.crashes import PATHS, with_crashes
from tests.simulation.runner import Tally, timed, worker_count
from tests.simulation.simulation import Simulation, simulated

SEEDS = 10_000
MUTANT_SEEDS = 2_000
PROGRESS_S = 10


class Progress:
    """Says every ten seconds how far it is."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._began_s = self._told_s = perf_counter()

    def tell(self, tally: Tally) -> None:
        """One line, unless the last one is fresh."""
        now_s = perf_counter()
        if now_s < self._told_s + PROGRESS_S:
            return
        self._told_s = now_s
        speed = tally.runs / (now_s - self._began_s)
        left_min = (self._count - tally.runs) / speed / 60
        print(
            f"{tally.runs:9,} of {self._count:,} seeds, {speed:.0f} a second,"
            f" {left_min:.0f} min left",
            flush=True,
        )


def main(words: list[str]) -> int:
    """Do as told; 0 when nothing broke."""
    match words:
        case [seed] if seed.isdecimal():
            return _tell(simulated(int(seed)))
        case ["crash", path, *points]:
            return _tell(with_crashes(PATHS[path], *map(int, points))[0])
        case ["crashes"]:
            return _sum_up("crash points", *timed(lambda: runner.crash_points(worker_count())))
        case ["seeds", *numbers]:
            first, count = (*map(int, numbers), *(1, SEEDS)[len(numbers) :])
            progress = Progress(count)
            return _sum_up(
                "seeds", *timed(lambda: runner.seeds(first, count, worker_count(), progress.tell))
            )
        case ["mutants", *numbers]:
            return _mutants(int(numbers[0]) if numbers else MUTANT_SEEDS)
    print(__doc__)
    return 2


def _tell(simulation: Simulation) -> int:
    lines, violation = story.told(simulation)
    print(*story.heading(simulation), *story.readable(lines), sep="\n")
    print(f"BROKEN: {violation}" if violation else "everything held")
    return 1 if violation else 0


def _sum_up(what: str, tally: Tally, took_s: float) -> int:
    counts = sorted(tally.counts.items())
    print(*(f"{number:9,}  {name}" for name, number in counts), sep="\n")
    speed = tally.runs / max(took_s, 0.001)
    print(f"{tally.runs:,} {what} in {took_s:.0f} s ({speed:.0f} a second)")
    if not tally.broken:
        print("every promise held")
        return 0
    again, violation = tally.broken[0]
    print(f"BROKEN: {violation}\nplay it again: {again}")
    if again.rsplit(" ", 1)[1].isdecimal() and what == "seeds":
        _tell(simulated(int(again.rsplit(" ", 1)[1])))
    return 1


def _mutants(most_seeds: int) -> int:
    found = []
    for caught in catching.mutants(most_seeds, worker_count()):
        found.append(caught)
        seed = f"seed {caught.seed}" if caught.seed else "NOT CAUGHT"
        print(f"{caught.rule:<75} {seed:<11} {caught.violation}", flush=True)
    missed = sum(one.seed is None for one in found)
    print(f"{missed} rules could be missing unnoticed within {most_seeds} seeds")
    catching.write_down(found)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
