"""Many runs on a few processes; a process of Python plays one simulation at a time."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from time import perf_counter

from tests.simulation.crashes import PATHS, doubles, singles, starts, with_crashes
from tests.simulation.scheduler import Violation
from tests.simulation.simulation import Simulation, simulated

CHUNK = 50


@dataclass
class Tally:
    """What was played, and what broke first."""

    runs: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count `other` in."""
        self.runs += other.runs
        self.counts += other.counts
        self.broken += other.broken


type Told = Callable[[Tally], None]


def played(simulation: Simulation, name: str) -> Tally:
    """Play one run and count it; `name` says how to play it again."""
    tally = Tally(runs=1)
    try:
        simulation.play()
    except Violation as violation:
        tally.broken.append((name, str(violation)))
    tally.counts.update(_counted(simulation))
    return tally


def _counted(simulation: Simulation) -> Iterator[str]:
    for deployment in simulation.deployments.values():
        for seen in deployment.watch.sessions.values():
            yield "sessions"
            yield f"ended: {seen.item.get('end_reason')}"
        for machines in deployment.watch.machines.values():
            yield from ["machines"] * len(machines)
        for _, what in deployment.watch.losses:
            yield f"lost: {what}"


def seeds(first: int, how_many: int, workers: int, told: Told = lambda _tally: None) -> Tally:
    """Play that many seeds; `told` hears of what has been played, again and again."""
    chunks = [
        range(start, min(start + CHUNK, first + how_many))
        for start in range(first, first + how_many, CHUNK)
    ]
    return _spread(_chunk, chunks, workers, told)


def _chunk(chunk: Iterable[int]) -> Tally:
    tally = Tally()
    for seed in chunk:
        tally.add(played(simulated(seed), f"python -m tests.simulation {seed}"))
    return tally


def crash_points(workers: int) -> Tally:
    """Every crash point of every path, and every pair of them."""
    tally = _spread(_single, list(PATHS), workers)
    firsts = [(name, first) for name in PATHS for first in starts(PATHS[name])]
    tally.add(_spread(_double, firsts, workers))
    return tally


def _single(name: str) -> Tally:
    return _with_crashes(name, singles(PATHS[name]))


def _double(start: tuple[str, int]) -> Tally:
    name, first = start
    return _with_crashes(name, doubles(PATHS[name], first))


def _with_crashes(name: str, points: Iterable[tuple[int, ...]]) -> Tally:
    tally = Tally()
    for crash_at in points:
        where = " ".join(map(str, crash_at))
        simulation, _ = with_crashes(PATHS[name], *crash_at)
        tally.add(played(simulation, f"python -m tests.simulation crash '{name}' {where}"))
    return tally


def _spread[T](
    work: Callable[[T], Tally], parts: list[T], workers: int, told: Told = lambda _tally: None
) -> Tally:
    tally = Tally()
    with processes(workers) as pool:
        for done in pool.imap_unordered(work, parts):
            tally.add(done)
            told(tally)
            if tally.broken:
                pool.terminate()
                break
    return tally


def processes(workers: int) -> Pool:
    """Processes that play."""
    return multiprocessing.get_context("spawn").Pool(workers, _collect_seldom)


def _collect_seldom() -> None:
    """Looking for garbage took a seventh of all time; a run leaves a megabyte of it."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def worker_count() -> int:
    """One process per core."""
    return os.cpu_count() or 1


def timed(play: Callable[[], Tally]) -> tuple[Tally, float]:
    """The tally, and the seconds it took."""
    begun = perf_counter()
    return play(), perf_counter() - begun
