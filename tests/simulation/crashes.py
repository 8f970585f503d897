"""Crash points, one after the other: a function dies there, and everything must end well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from gpu_shopper.core.polling import SshResult
from gpu_shopper.errors.provider import LaunchUncertain, NoCapacity
from tests.simulation.faults import RandomFaults
from tests.simulation.machine import Nature
from tests.simulation.odds import Odds
from tests.simulation.plan import DEPLOYMENTS, Plan, Rental
from tests.simulation.provider import Fault
from tests.simulation.scheduler import MINUTE, SECOND, Run, Scheduler
from tests.simulation.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Path:
    """One way through a session's life, without any fault but its own.

    `launches` and `natures` are those of the first launch and the first machine; later ones are
    good.
    """

    name: str
    stop_after_ms: int | None = 90 * SECOND
    auto_retry: bool = False
    launch: Fault | None = None
    nature: Nature = field(default_factory=Nature)
    ssh_timeout_min: int = 3


_READS = re.compile(r"get_item|query|get_object|\.find |\.list_|^ssh ")
_LOST = LaunchUncertain("no answer")

PATHS: Mapping[str, Path] = {
    path.name: path
    for path in (
        Path("happy path and teardown"),
        Path("expiry", stop_after_ms=None),
        Path("refused launch", launch=Fault(NoCapacity("none left"))),
        Path("refused, then another offer", auto_retry=True, launch=Fault(NoCapacity("none"))),
        Path(
            "failover",
            stop_after_ms=4 * MINUTE,
            auto_retry=True,
            nature=Nature(fails_ms=10 * SECOND, ending_ms=15 * SECOND),
        ),
        Path("lost answer", launch=Fault(_LOST, takes_effect=True)),
        Path("unanswered and not rented", launch=Fault(_LOST)),
        Path(
            "failed verification",
            stop_after_ms=None,
            nature=Nature(ssh_trouble=(SshResult.KEY_PARSE_FAILED,)),
        ),
        Path("stubborn machine", nature=Nature(deaf=1, stops_first=True, lingers_ms=3 * SECOND)),
    )
}


class ScriptedFaults(RandomFaults):
    """Crashes at chosen points, counted over the whole run; nothing else goes wrong.

    `points` tells for each whether it can make a difference: a crash after a call that only reads
    leaves the world as a crash before it does.
    """

    def __init__(
        self, plan: Plan, scheduler: Scheduler, path: Path, crash_at: frozenset[int]
    ) -> None:
        super().__init__(plan, scheduler)
        self.points: list[bool] = []
        self._path, self._crash_at, self._launches = path, crash_at, 0

    def crashes(self, run: Run, when: str, operation: str) -> bool:
        """At the chosen points; not in runs that fetch offers, nor in the reconciler's."""
        if " RefreshInventory" in run.name or " Reconcile" in run.name:
            return False
        first = when == "before" and run.calls == 1
        self.points.append(first or (when == "after" and not _READS.search(operation)))
        return len(self.points) - 1 in self._crash_at

    def of_call(self, provider: str, method: str) -> Fault | None:
        """The path's own fault."""
        if method != "launch":
            return None
        self._launches += 1
        return self._path.launch if self._launches == 1 else None


def with_crashes(path: Path, *crash_at: int) -> tuple[Simulation, ScriptedFaults]:
    """The simulation of `path` in which functions die at these points."""
    made: list[ScriptedFaults] = []

    def faults(plan: Plan, scheduler: Scheduler) -> ScriptedFaults:
        made.append(ScriptedFaults(plan, scheduler, path, frozenset(crash_at)))
        return made[0]

    simulation = Simulation(_plan(path), faults)
    for cloud in simulation.clouds.values():
        cloud.nature = partial(next, chain([replace(path.nature)], iter(Nature, None)))
    return simulation, made[0]


def _plan(path: Path) -> Plan:
    rental = Rental(
        deployment_id=DEPLOYMENTS[0],
        consumer_id="alice",
        provider="vastai",
        offer=0,
        create_ms=5 * SECOND,
        hours=1,
        ssh_timeout_min=path.ssh_timeout_min,
        extend=(),
        stop_after_ms=path.stop_after_ms,
        auto_retry=path.auto_retry,
    )
    until_ms = rental.create_ms + (path.stop_after_ms or 60 * MINUTE)
    return Plan(
        seed=1,
        odds=Odds(),
        deployments=DEPLOYMENTS[:1],
        providers=("vastai",),
        rentals=[rental],
        faults_end_ms=until_ms + 5 * MINUTE,
    )


def points(path: Path, *crash_at: int) -> list[bool]:
    """The crash points that the path has, after crashes at those; see `ScriptedFaults`."""
    simulation, faults = with_crashes(path, *crash_at)
    simulation.play()
    return faults.points


def singles(path: Path) -> Iterator[tuple[int, ...]]:
    """Every point."""
    return ((first,) for first in range(len(points(path))))


def starts(path: Path) -> list[int]:
    """The points that can make a difference."""
    return [number for number, differs in enumerate(points(path)) if differs]


def doubles(path: Path, first: int) -> Iterator[tuple[int, ...]]:
    """Every pair of such points that begins with this one.

    What comes after a crash is another path, so the second points are counted anew.
    """
    after = points(path, first)
    return ((first, second) for second in range(first + 1, len(after)) if after[second])
