"""Failure memory: how failures lower trust, when they hide an offer and are forgotten."""

from __future__ import annotations

import pytest

from gpu_shopper.core.failures import (
    BLAMED,
    Failure,
    FailureType,
    Judge,
    Memory,
    Suppression,
    combined,
    degraded_types,
    offer_healths,
    suppression_of,
)
from gpu_shopper.core.states import EndReason
from tests.builders import SETTINGS, an_offer, later

HALF_HOUR, HOUR = 1_800, 3_600


def failed(seconds: float, offer_id: str = "vastai-1001", machine_id: str | None = "77") -> Failure:
    return Failure(
        provider="vastai",
        offer_id=offer_id,
        gpu_type="RTX 4090",
        type=FailureType.SSH_TIMEOUT,
        at=later(seconds),
        machine_id=machine_id,
    )


def trust(memory: Memory, seconds: float, **offer: object) -> float | None:
    judge, judged = Judge(memory, later(seconds), SETTINGS), an_offer(**offer)
    return None if judge.hides(judged) else judge.multiplier(judged)


@pytest.mark.parametrize(
    ("failures", "degraded", "factor"),
    [
        (0, False, 1),
        (1, False, 0.7),
        (2, False, 0.49),
        (1, True, 0.21),
        (2, True, 0.147),
        (9, True, 0.05),
    ],
)
def test_factors_multiply_down_to_a_floor(failures: int, degraded: bool, factor: float) -> None:
    """2.5: the contract's vectors; a floor of 0.05."""
    assert combined(failures, degraded=degraded) == pytest.approx(factor)


def test_a_failure_counts_for_thirty_minutes_and_not_for_one_more_instant() -> None:
    """2.5: an event of exactly 30 min no longer counts."""
    memory = Memory(failures=[failed(0)])
    assert trust(memory, HALF_HOUR - 0.001) == pytest.approx(0.7)
    assert trust(memory, HALF_HOUR) == 1.0


def test_offers_of_one_machine_suffer_together() -> None:
    """2.5: also under a new offer id; an unknown machine concerns its own offer only."""
    memory = Memory(failures=[failed(0, "vastai-1", "77")])
    assert trust(memory, 1, id="vastai-2", machine_id="77") == pytest.approx(0.7)
    assert trust(memory, 1, id="vastai-2", machine_id="78") == 1.0
    unknown = Memory(failures=[failed(0, "vastai-1", None)])
    assert trust(unknown, 1, id="vastai-2", machine_id=None) == 1.0
    assert trust(unknown, 1, id="vastai-1", machine_id=None) == pytest.approx(0.7)


def test_three_different_offers_degrade_their_gpu_type() -> None:
    """BUG-012: never-failed ones too; several offers of one machine count once."""
    same = [failed(n, f"vastai-{n}", "77") for n in range(3)]
    assert degraded_types(Memory(failures=same), later(9), SETTINGS) == frozenset()
    different = [failed(n, f"vastai-{n}", str(n)) for n in range(3)]
    memory = Memory(failures=different)
    assert trust(memory, 9, id="vastai-99", machine_id="99") == pytest.approx(0.3)
    assert trust(memory, 9, id="vastai-99", machine_id="99", gpu_type="A40") == 1.0
    assert degraded_types(memory, later(HOUR - 0.001), SETTINGS) == {"RTX 4090"}
    assert degraded_types(memory, later(HOUR), SETTINGS) == frozenset()


def test_the_third_failure_hides_the_offer_for_thirty_minutes() -> None:
    """BUG-016: until 30 min after that event, and no longer."""
    two = Memory(failures=[failed(0), failed(60)])
    assert suppression_of(two, failed(60), SETTINGS) is None
    three = Memory(failures=[failed(0), failed(60), failed(120)])
    begun = suppression_of(three, failed(120), SETTINGS)
    assert begun is not None
    assert begun.until == later(120 + HALF_HOUR)
    hidden = Memory(failures=three.failures, suppressions=[begun])
    assert trust(hidden, 120 + HALF_HOUR - 1) is None
    assert trust(hidden, 120 + HALF_HOUR) == 1.0


def test_failures_too_far_apart_hide_nothing() -> None:
    """2.5: three within 30 min."""
    memory = Memory(failures=[failed(0), failed(900), failed(HALF_HOUR)])
    assert suppression_of(memory, failed(HALF_HOUR), SETTINGS) is None


def test_a_suppression_is_not_prolonged_and_may_come_again() -> None:
    """BUG-016: events during it are recorded; a new burst suppresses again."""
    first = Suppression(
        offer_id="vastai-1001", machine_id="77", at=later(0), until=later(HALF_HOUR)
    )
    burst = [failed(HALF_HOUR - n) for n in (30, 20, 10)]
    memory = Memory(failures=burst, suppressions=[first])
    assert suppression_of(memory, burst[-1], SETTINGS) is None
    again = failed(HALF_HOUR + 1)
    later_memory = Memory(failures=[*burst, again], suppressions=[first])
    assert suppression_of(later_memory, again, SETTINGS) is not None


def test_health_shows_what_still_counts_and_leaves_out_the_rest() -> None:
    """2.5: fully decayed records are left out."""
    memory = Memory(failures=[failed(0, "vastai-1", "1"), failed(1_000, "vastai-2", "2")])
    (health,) = offer_healths(memory, later(HALF_HOUR), SETTINGS)
    assert (health.latest.offer_id, health.recent_failures) == ("vastai-2", 1)


@pytest.mark.parametrize(
    "reason",
    [
        EndReason.PROVIDER_AUTH,
        EndReason.PROVIDER_UNAVAILABLE,
        EndReason.USER_REQUESTED,
        EndReason.PRICE_ABOVE_MAX,
        EndReason.PROVISION_TIMEOUT,
        EndReason.EXPIRED,
    ],
)
def test_faults_of_provider_caller_and_ours_blame_no_offer(reason: EndReason) -> None:
    """M-62, 2.5: never recorded."""
    assert reason not in BLAMED
