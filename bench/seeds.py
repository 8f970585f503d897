"""How many seeds the simulation plays in a second, on as many processes as there are cores."""

from __future__ import annotations

import resource

from tests.simulation import runner

SEEDS = 1_000
GOAL_PER_S = 60


def main() -> int:
    """Print the line; 1 when the goal is missed, or a promise is broken."""
    began_s = _children_cpu_s()
    workers = runner.worker_count()
    tally, took_s = runner.timed(lambda: runner.seeds(1, SEEDS, workers))
    cpu_s = _children_cpu_s() - began_s
    per_s = workers * tally.runs / cpu_s
    print(
        f"the simulation, {workers} processes: {per_s:.0f} seeds a second by CPU time"
        f" ({tally.runs / took_s:.0f} by the clock; goal: {GOAL_PER_S})"
    )
    return int(per_s < GOAL_PER_S or bool(tally.broken))


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
