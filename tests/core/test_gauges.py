"""How things stand, counted from values: complete, and never below zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.gauges import Ended, by_status, expired_running, stopping_age_max_s
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from tests.builders import NOON, a_session, later

BOTH = ("vastai", "tensordock")


def one(number: int = 1, **changes: Any) -> Session:
    return replace(a_session(), id=f"s{number}", **changes)


def test_every_provider_has_every_status_also_without_sessions() -> None:
    """M-67, M-91, M-108: zeros are told too."""
    assert by_status([], [], BOTH) == {(provider, state): 0 for provider in BOTH for state in State}


def test_a_provider_that_nobody_knows_any_more_is_counted_while_it_has_sessions() -> None:
    found = by_status([], [Ended("s1", "older", State.STOPPED)], ("vastai",))
    assert found["older", State.STOPPED] == 1
    assert len(found) == 12


def test_a_session_that_ends_while_it_is_counted_counts_once() -> None:
    """M-46: read as live first, then as ended; and as running by an index that is late."""
    ended = [Ended("s1", "vastai", State.STOPPED), Ended("s2", "vastai", State.FAILED)]
    found = by_status([one(1, state=State.STOPPED), one(3, state=State.RUNNING)], ended, BOTH)
    assert {key: number for key, number in found.items() if number} == {
        ("vastai", State.STOPPED): 1,
        ("vastai", State.FAILED): 1,
        ("vastai", State.RUNNING): 1,
    }


def test_the_oldest_stopping_session_counts_and_no_other() -> None:
    """6.1: a running one may be as old as it likes."""
    sessions = [
        one(1, state=State.STOPPING, state_entered_at=later(10)),
        one(2, state=State.STOPPING, state_entered_at=later(40)),
        one(3, state=State.RUNNING, state_entered_at=later(0)),
    ]
    assert stopping_age_max_s(sessions, later(100)) == 90
    assert stopping_age_max_s(sessions[2:], later(100)) == 0


def test_a_drain_is_not_too_long_a_stop() -> None:
    """6.1: counted from drain_until where it is set."""
    draining = one(state=State.STOPPING, state_entered_at=NOON, drain_until=later(600))
    assert stopping_age_max_s([draining], later(599)) == 0
    assert stopping_age_max_s([draining], later(630)) == 30


@pytest.mark.parametrize(
    ("late_s", "state", "counted"),
    [
        (900, State.RUNNING, 0),
        (900.001, State.RUNNING, 1),
        (9_000, State.STOPPING, 0),
    ],
)
def test_a_running_session_is_overdue_after_a_quarter_of_an_hour(
    late_s: float, state: State, counted: int
) -> None:
    """6.1: more than 15 minutes past expires_at."""
    session = one(state=state, expires_at=NOON)
    assert expired_running([session], later(late_s)) == counted
