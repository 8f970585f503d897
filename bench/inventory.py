"""GET /inventory in this process, against the store on moto: warm, and right after a refresh.

Each number of offers gets an interpreter of its own. Nothing here waits, so CPU time is measured,
which a busy machine leaves alone. What moto itself takes to play DynamoDB and S3 is told apart:
AWS takes its own time instead, over a network.
"""

from __future__ import annotations

import importlib
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from moto.core import botocore_stubber

from bench import figures, memory, sample
from gpu_shopper.edge import wiring
from gpu_shopper.edge.http import Frame
from gpu_shopper.usecases.deps import Deps
from tests.functions.calls import Client
from tests.world import a_world

SIZES = (10_000, 100_000)
WARM_GOAL_MS = {10_000: 15}
FIRST_GOAL_MS = {10_000: 400}
"""Offers → milliseconds at most, by median; the first read of a generation is one of its own."""
WARM_ROUNDS = 30
FIRST_ROUNDS = 9
BETWEEN_S = 1.0
"""Time that passes between two requests, so that no rate limit is met."""
QUERIES: tuple[dict[str, Any], ...] = (
    {},
    {"gpu_type": "rtx4090", "max_price": "1"},
    {"min_vram": 48, "sort": "-price"},
    {"location": "us", "sort": "reliability", "limit": 20},
)


class MotoClock:
    """Seconds that moto took so far, in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0
        stubber: Any = botocore_stubber.BotocoreStubber
        stubber.process_request = self._timed(stubber.process_request)

    def _timed(self, play: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any) -> Any:
            began = time.process_time()
            answer = play(*given)
            self.seconds += time.process_time() - began
            return answer

        return timed


@dataclass
class Requests:
    """Milliseconds of each request, and of those the part spent in moto."""

    moto_clock: MotoClock
    took: list[float] = field(default_factory=list)
    moto: list[float] = field(default_factory=list)

    def time(self, send: Callable[[], None]) -> None:
        """One request."""
        began, in_moto_s = time.process_time(), self.moto_clock.seconds
        send()
        self.took.append(1_000 * (time.process_time() - began))
        self.moto.append(1_000 * (self.moto_clock.seconds - in_moto_s))

    def print(self, name: str, goal_ms: int | None) -> bool:
        """Two lines of the table; True when the goal is missed."""
        goal = "none" if goal_ms is None else f"median ≤ {goal_ms} ms"
        print(figures.line(name, self.took, "ms", goal))
        print(figures.line(f"{name}, of that moto", self.moto, "ms", "none"))
        return goal_ms is not None and statistics.median(self.took) > goal_ms


def measure(offers: int) -> int:
    """Print the table for so many offers; 1 when a goal is missed."""
    market, clock = sample.offers(offers), MotoClock()
    first, warm = Requests(clock), Requests(clock)
    with a_world(moto_lags=False) as world:
        client = Client(_handler(world.deps))
        world.publish()
        _get(client, {})
        for _ in range(FIRST_ROUNDS):
            world.clock.tick(BETWEEN_S)
            world.publish(market)
            first.time(partial(_get, client, {}))
        for query in QUERIES * WARM_ROUNDS:
            world.clock.tick(BETWEEN_S)
            warm.time(partial(_get, client, query))
        newest = max(world.deps.inventory.bucket.objects.all(), key=lambda each: each.size)
        stored = newest.get()["Body"].read()
    kept_mb, most_mb = memory.taken_mb(stored)
    print(
        f"GET /inventory in-process on moto, {offers:,} offers: {len(stored) / 1e6:.2f} MB stored"
    )
    print(f"  a snapshot in memory: {kept_mb:.0f} MB, {most_mb:.0f} MB while it is read")
    missed = first.print("first of a generation", FIRST_GOAL_MS.get(offers))
    missed |= warm.print("warm", WARM_GOAL_MS.get(offers))
    return int(missed)


def _handler(deps: Deps) -> Any:
    """The function's handler, in this world."""
    app: Any = importlib.import_module("functions.inventory_api.app")
    frame = Frame(
        Logger(service="bench", stream=io.StringIO()),
        wiring.new_id,
        "",
        lambda _fact: None,
        time.perf_counter,
    )
    app.deps, app.frame = (lambda: deps), (lambda: frame)
    return app.handler


def _get(client: Client, query: dict[str, Any]) -> None:
    reply = client("GET", "/api/v1/inventory", query=query)
    if reply.status != 200:
        raise RuntimeError(reply.text)


def main() -> int:
    """Measure every size in a fresh interpreter; 1 when a goal is missed."""
    commands = [[sys.executable, "-m", "bench.inventory", str(size)] for size in SIZES]
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(measure(int(sys.argv[1])))
