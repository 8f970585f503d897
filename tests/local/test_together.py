"""Calls run at the same time, and nobody waits for the others once one has failed."""

from __future__ import annotations

import threading

import pytest

from local.together import together


def test_results_come_in_the_order_of_the_calls() -> None:
    meeting = threading.Barrier(2, timeout=5)

    def first() -> str:
        meeting.wait()  # only reached by both if they run at the same time
        return "first"

    def second() -> str:
        meeting.wait()
        return "second"

    assert together([first, second]) == ["first", "second"]


def test_a_failure_is_raised_while_others_still_run() -> None:
    held = threading.Event()

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together([fails, lambda: held.wait(5)])
    held.set()
