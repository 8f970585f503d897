"""How long answers take by themselves (the knob `latency_ms`)."""

from __future__ import annotations

import itertools
import math
from typing import Any

from simulator import draws
from simulator.world import World

_P99_SIGMAS = 2.326
_numbers = itertools.count()


def delay_s(world: World, provider: str) -> float:
    """Real seconds to wait before answering."""
    knob = world.knobs.values["latency_ms"]
    if isinstance(knob, dict) and provider in knob:
        knob = knob[provider]
    return _milliseconds(world, knob) / 1000


def _milliseconds(world: World, knob: Any) -> float:
    if not isinstance(knob, dict):
        return float(knob)
    draw = draws.seeded(world.seed, "latency", next(_numbers))
    if "min" in knob:
        return draw.uniform(knob["min"], knob["max"])
    if "p50" not in knob:
        return 0.0
    spread = math.log(max(knob["p99"], knob["p50"]) / knob["p50"]) / _P99_SIGMAS
    return draws.lognormal(draw, knob["p50"], spread)
