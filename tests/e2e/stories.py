"""Stories: what takes long is begun when the run begins, all at once, and judged later.

A test marked `@told_by(tell)` gets what `tell` returned as `told`. Several tests may
judge the same story; it is told once. Only the stories of selected tests are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.renting import Renting

AT_ONCE = 6
WITHIN_S = 200.0

type Story = Callable[[Renting], Any]


def told_by(tell: Story, *, long: bool = False) -> pytest.MarkDecorator:
    """Marks a test that judges what `tell` returned; `long` stories begin first."""
    return pytest.mark.story.with_args(tell, long=long)  # a call would decorate `tell` itself


def marked(items: Iterable[pytest.Item]) -> list[Story]:
    """The stories that these tests judge, in the order in which they should begin."""
    marks = [mark for item in items if (mark := item.get_closest_marker("story"))]
    return [mark.args[0] for mark in sorted(marks, key=lambda mark: not mark.kwargs["long"])]


class Stories:
    """All stories of a run, under way."""

    def __init__(self, renting: Renting, stories: Iterable[Story]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._told: dict[Story, Future[Any]] = {
            story: self._pool.submit(story, renting) for story in dict.fromkeys(stories)
        }

    def result(self, story: Story) -> Any:
        """What the story returned, or raises what it raised."""
        return self._told[story].result(WITHIN_S)

    def close(self) -> None:
        """Begin none that has not begun; wait for the others."""
        self._pool.shutdown(wait=True, cancel_futures=True)
