"""The generated market: deterministic for a size and a seed, apart from the present time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from simulator import draws
from simulator.gpus import BY_NAME
from simulator.vastai.machines import Ask, Machine, ask_sizes, build_machine, listed_price

SMALL = 64  # up to here one ask a machine, so that everything fits into one response
_SURE_4090S = 8  # free, verified single RTX 4090s that every small market holds
_HOST_EXPONENT = 0.8
_MACHINES_PER_HOST = 4.5
_DUPLICATE_SHARE = 0.003


@dataclass
class Market:
    """All machines and asks; `asks` is in order of position."""

    seed: int
    asks: list[Ask]
    machines: list[Machine]
    duplicates: frozenset[int]


def generate(size: int, seed: int) -> Market:
    """A market of exactly `size` asks. About 3 s for 100,000."""
    rng = draws.seeded("vastai-market", seed, size)
    asks: list[Ask] = []
    machines: list[Machine] = []
    for machine in _machines(rng, size):
        machines.append(machine)
        asks.extend(_cut(rng, machine, size - len(asks), one=size <= SMALL, start=len(asks)))
        if len(asks) >= size:
            break
    twice = rng.sample(range(size), int(size * _DUPLICATE_SHARE)) if size > SMALL else []
    return Market(seed, asks, machines, frozenset(twice))


def _machines(rng: Random, size: int) -> Iterator[Machine]:
    hosts = _hosts(rng, size)
    sure = min(_SURE_4090S, size) if size <= SMALL else 0
    for number in itertools.count():
        model = BY_NAME["RTX 4090"] if number < sure else None
        yield build_machine(rng, 10_000 + number * 3, hosts.pick(rng), model)


def _hosts(rng: Random, size: int) -> draws.Weighted[int]:
    expected_machines = size if size <= SMALL else size * 0.175
    count = max(3, int(expected_machines / _MACHINES_PER_HOST))
    ids = sorted(rng.sample(range(1_000, 400_000), count))
    rng.shuffle(ids)
    return draws.Weighted.of([(host, (i + 1) ** -_HOST_EXPONENT) for i, host in enumerate(ids)])


def _cut(rng: Random, machine: Machine, room: int, *, one: bool, start: int) -> list[Ask]:
    sizes = [machine.gpus] if one else ask_sizes(rng, machine.gpus)
    spans = [(first, size) for size in sizes for first in range(0, machine.gpus - size + 1, size)]
    for first, size in spans[:room]:
        position = start + len(machine.asks)
        price = listed_price(machine.gpu_price, size)
        ask_id = 20_000_000 + position * 7 + rng.randint(0, 6)
        machine.asks.append(Ask(ask_id, machine, first, size, price, position))
    return machine.asks
