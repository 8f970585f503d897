"""Every random draw of the simulator: reproducible from a seed, and never used for secrets."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = 2**64


def seeded(*parts: object) -> random.Random:
    """A generator that gives the same draws for the same `parts`, on every machine."""
    text = ":".join(str(part) for part in parts)
    return random.Random(text)  # noqa: S311 - repeatable market data, nothing secret


def share(*parts: object) -> float:
    """One draw in [0, 1) that depends on `parts` and on nothing drawn before it."""
    digest = hashlib.sha256(":".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / _STEPS


@dataclass(frozen=True)
class Weighted[T]:
    """A finite distribution; `pick` is O(log n)."""

    values: Sequence[T]
    cumulative: Sequence[float]

    @classmethod
    def of(cls, pairs: Sequence[tuple[T, float]]) -> Weighted[T]:
        """The distribution of (value, weight) pairs; weights need not sum to one."""
        total, cumulative = 0.0, []
        for _, weight in pairs:
            total += weight
            cumulative.append(total)
        return cls([value for value, _ in pairs], cumulative)

    def pick(self, rng: random.Random) -> T:
        """One value, drawn with its weight."""
        return rng.choices(self.values, cum_weights=self.cumulative)[0]


def lognormal(rng: random.Random, median: float, sigma: float) -> float:
    """A lognormal draw, given by its median."""
    return median * math.exp(rng.gauss(0.0, sigma))
