"""What is measured on a deployment: emulator, simulator, the template with its default timings."""

from __future__ import annotations

from bench import hanging, load, peaks, rental
from local import paths
from local.world import World

# A client of the load waits for answers only; nobody is to be slowed down by the limit of a key.
UNLIMITED = {"ConsumerRatePerS": "1000", "ConsumerBurst": "1000"}


def main() -> int:
    """Print the tables; 1 when a goal is missed."""
    world = World(paths.STATE / "bench")
    try:
        endpoints = world.start("benchrun", UNLIMITED)
        bench = rental.Bench(world, endpoints)
        print("on a local deployment, warm; default SSH timings")
        missed = rental.report(bench)
        missed |= load.report(bench, world.functions())
        missed |= peaks.report(endpoints.emulator_url)
        missed |= hanging.report(bench, world.functions())  # last: it resets the market
    finally:
        world.stop()
    return int(missed)
