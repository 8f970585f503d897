"""The transition table: what it allows, and what nothing may allow."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from gpu_shopper.core.states import (
    LIVE,
    ROWS,
    TERMINAL,
    Actor,
    EndReason,
    Event,
    State,
    api_events,
    row_for,
)


def test_only_stopped_and_failed_are_ends() -> None:
    """N-20: derived, and no event leaves them."""
    assert frozenset({State.STOPPED, State.FAILED}) == TERMINAL
    assert State.STOPPING in LIVE
    assert not [row for row in ROWS if row.sources & TERMINAL]


def test_no_state_and_event_have_two_rows() -> None:
    """N-20: one answer to each question."""
    pairs = Counter((row.event, source) for row in ROWS for source in row.sources)
    assert max(pairs.values()) == 1


def test_every_state_reaches_an_end() -> None:
    """I7: nothing is a trap."""
    reached = set(TERMINAL)
    for _ in State:
        reached |= {s for row in ROWS if row.targets & reached for s in row.sources}
    assert reached == set(State)


def test_stopping_is_left_by_evidence_alone() -> None:
    """N-21: confirm_gone and nothing else."""
    assert {row.event for row in ROWS if State.STOPPING in row.sources} == {Event.CONFIRM_GONE}


def test_the_api_cannot_declare_a_machine_gone() -> None:
    """N-20: no row by a caller leads to an end."""
    assert not [row for row in ROWS if Actor.API in row.actors and row.targets & TERMINAL]


def test_running_is_reached_from_provisioning_alone() -> None:
    """M-32: stopping, stopped and failed never become running."""
    rows = [row for row in ROWS if State.RUNNING in row.targets and row.sources != {State.RUNNING}]
    assert {source for row in rows for source in row.sources} == {State.PROVISIONING}


def test_another_attempt_follows_from_provisioning_alone_and_starts_over() -> None:
    """2.9: retry_launch; not from running, and not once the session was told to stop."""
    (row,) = [row for row in ROWS if row.event is Event.RETRY_LAUNCH]
    assert (set(row.sources), set(row.targets)) == ({State.PROVISIONING}, {State.PENDING})
    assert row.actors == {Actor.LIFECYCLE}


def test_rows_that_begin_or_make_an_end_have_their_reasons() -> None:
    """2.9: every reason belongs to some row; confirm_gone keeps the reason it finds."""
    used = {reason for row in ROWS for reason in row.reasons}
    assert used == set(EndReason)
    for row in ROWS:
        ends = row.targets & (TERMINAL | {State.STOPPING})
        assert bool(row.reasons) == (bool(ends) and row.event is not Event.CONFIRM_GONE)


def test_an_override_changes_no_state_and_is_nothing_that_a_caller_is_offered() -> None:
    """2.15: in pending, provisioning and running; a 409 names what every caller may do."""
    rows = [row for row in ROWS if row.event is Event.OVERRIDE]
    assert {source for row in rows for source in row.sources} == {
        State.PENDING,
        State.PROVISIONING,
        State.RUNNING,
    }
    assert all(row.sources == row.targets and row.actors == {Actor.OPERATOR} for row in rows)
    assert "override" not in {event for state in State for event in api_events(state)}


@pytest.mark.parametrize(("state", "event"), list(product(sorted(TERMINAL), Event)))
def test_nothing_happens_to_an_ended_session(state: State, event: Event) -> None:
    """N-20."""
    assert row_for(state, event) is None
