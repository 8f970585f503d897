"""What is measured on a deployment: emulator, simulator, the template with its default timings."""

from __future__ import annotations

from bench import hanging, load, rental
from local import paths
from local.world import World


def main() -> int:
    """Print the tables; 1 when a goal is missed."""
    world = World(paths.STATE / "bench")
    try:
        bench = rental.Bench(world, world.start("benchrun"))
        print("on a local deployment, warm; default SSH timings")
        missed = rental.report(bench)
        missed |= load.report(bench, world.functions())
        missed |= hanging.report(bench, world.functions())  # last: it resets the market
    finally:
        world.stop()
    return int(missed)
