"""How far offers of a location are trusted."""

from __future__ import annotations

import pytest

from gpu_shopper.core.location_stats import LocationStats, counts_since, location_confidence
from gpu_shopper.core.settings import Settings
from tests.builders import NOON, SETTINGS, later

HALF_HOUR = 1_800


def trust(attempts: int, successes: int, *, last_ok: bool, seconds: float = 0) -> float:
    stats = LocationStats(
        attempts=attempts, successes=successes, last_attempt_at=NOON, last_ok=last_ok
    )
    return location_confidence(stats, later(seconds), SETTINGS)


@pytest.mark.parametrize(
    ("attempts", "successes", "last_ok", "confidence"),
    [
        (0, 0, False, 0.30),
        (1, 0, False, 0.05),
        (3, 0, False, 0.05),
        (2, 1, False, 0.25),
        (2, 1, True, 0.50),
        (10, 5, False, 0.25),
        (20, 15, True, 0.75),
        (3, 3, True, 1.00),
        (30, 1, True, 0.05),
        (10, 1, False, 0.05),
        (9, 1, False, 1 / 18),
    ],
)
def test_confidence_is_the_share_of_successes_halved_after_a_failure(
    attempts: int, successes: int, last_ok: bool, confidence: float
) -> None:
    """N-60: and never below 0.05 or above 1."""
    assert trust(attempts, successes, last_ok=last_ok) == pytest.approx(confidence)


def test_a_location_counts_for_thirty_minutes_and_not_a_millisecond_longer() -> None:
    """N-60: on read; nobody has to try it first."""
    assert trust(3, 0, last_ok=False, seconds=HALF_HOUR) == 0.05
    assert trust(3, 0, last_ok=False, seconds=HALF_HOUR + 0.001) == 0.30
    assert trust(3, 3, last_ok=True, seconds=HALF_HOUR + 1) == 0.30


def test_how_long_a_location_counts_is_a_setting() -> None:
    assert counts_since(later(10), Settings(location_memory_s=10)) == NOON
