"""From open SSH to `running`, on the simulation's clock: a thousand machines boot, each its way.

The product's own state machine and steps decide when to look; calls take the simulation's usual
time. Beside it stands what a fixed poll of 15 s, begun at the launch, would give for the same
machines: dstack polls so. It is given its answers in no time at all.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from random import Random

from bench import figures
from tests.simulation.crashes import Path, with_crashes
from tests.simulation.instants import ms_of
from tests.simulation.machine import Nature
from tests.simulation.scheduler import MINUTE, SECOND

BOOTS = 1_000
GOAL_S, P95_GOAL_S = 5, 15
PEER_POLL_MS = 15 * SECOND
_SEED = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """How machines start: seconds until they are shown as running, and from then to open SSH."""

    name: str
    shown_s: tuple[int, int]
    then_s: tuple[int, int]


QUICK = Kind("2 to 40 s, SSH within 15 s of that", (2, 40), (0, 15))
SLOW = Kind("1 to 5 min, SSH within 30 s of that", (60, 300), (0, 30))


def waited_ms(nature: Nature) -> tuple[int, int]:
    """From open SSH to `running`: ours, and the fixed poll's."""
    path = Path("boot", stop_after_ms=12 * MINUTE, nature=nature, ssh_timeout_min=10)
    simulation, _ = with_crashes(path)
    simulation.play()
    (deployment,) = simulation.deployments.values()
    (seen,) = deployment.watch.sessions.values()
    (machine,) = deployment.watch.machines[seen.id]
    opened_ms = machine.created_ms + nature.ssh_opens_ms
    ready_ms = ms_of(seen.attempt["ready_at"])
    peer_ms = -nature.ssh_opens_ms % PEER_POLL_MS
    return ready_ms - opened_ms, peer_ms


def boots(kind: Kind) -> list[tuple[int, int]]:
    """Both waits of each of a thousand machines of that kind."""
    random = Random(_SEED)  # noqa: S311 - repeatable, nothing secret

    def nature() -> Nature:
        shown_ms = random.randint(*(each * SECOND for each in kind.shown_s))
        then_ms = random.randint(*(each * SECOND for each in kind.then_s))
        return Nature(boots_ms=shown_ms, ssh_opens_ms=shown_ms + then_ms, keys_ms=0)

    return [waited_ms(nature()) for _ in range(BOOTS)]


def main() -> int:
    """Print the table; 1 when a goal is missed. They are those of machines that start quickly."""
    missed = False
    print("from open SSH to running, on a virtual clock")
    for kind in (QUICK, SLOW):
        both = boots(kind)
        ours, peers = ([each[place] / SECOND for each in both] for place in (0, 1))
        print(f" machines shown after {kind.name}")
        print(figures.line("ours", ours, "s", f"median {GOAL_S} s, p95 {P95_GOAL_S} s"))
        print(figures.line("a fixed poll of 15 s", peers, "s", "the peer"))
        median, p95 = statistics.median(ours), figures.percentile(ours, 0.95)
        missed |= kind is QUICK and (median > GOAL_S or p95 > P95_GOAL_S)
    return int(missed)
