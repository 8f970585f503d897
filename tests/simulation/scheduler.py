"""The virtual clock and its queue of events: many function runs at once, one of them moving.

A run of a function may wait in the middle of a call; meanwhile others go on, and it continues at
its instant, wherever that falls in their work. Each waiting run keeps its stack on a greenlet of
its own, begun by the hub that reads the queue: (instant, order of entry) decides everything, so a
run repeats exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from greenlet import getcurrent, greenlet

START = datetime(2026, 3, 31, 23, 20, tzinfo=UTC)
"""Runs of more than 40 minutes reach the next day and month."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

type Action = Callable[[], None]


class Killed(BaseException):
    """A run of a function ends here, wherever that is: nothing of ours sees it coming."""


class Violation(BaseException):
    """A promise was broken. Not an `Exception`: no sweep may swallow it."""


@dataclass(eq=False)
class Run:
    """One invocation of a function."""

    name: str
    ends_at_ms: int
    calls: int = 0
    ended: int = 0
    is_dead: bool = False


class Scheduler:
    """The clock, the queue, and whose turn it is."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._instant = 0, START
        self.run_now: Run | None = None
        self.failure: BaseException | None = None
        self.is_stopping = False
        self._queue: list[tuple[int, int, Action | greenlet, bool]] = []
        self._entries = 0
        self._waiting: dict[greenlet, None] = {}
        self._idle: list[greenlet] = []
        self._hub = getcurrent()

    def now(self) -> datetime:
        """The instant, as the product sees it."""
        if self._instant[0] != self.now_ms:
            self._instant = self.now_ms, START + timedelta(milliseconds=self.now_ms)
        return self._instant[1]

    def at(self, at_ms: int, action: Action, *, is_routine: bool = False) -> None:
        """Do `action` at that instant; routine actions are what schedules repeat for ever."""
        self._push(max(at_ms, self.now_ms), action, is_routine)

    def after(self, wait_ms: int, action: Action) -> None:
        """Do `action` so much later."""
        self._push(self.now_ms + wait_ms, action, False)

    def next_news_ms(self) -> int | None:
        """When something happens next that is no routine."""
        return min((at_ms for at_ms, _, _, routine in self._queue if not routine), default=None)

    def next_ms(self) -> int | None:
        """When anything happens next."""
        return self._queue[0][0] if self._queue else None

    def stop(self) -> None:
        """Let nothing happen any more; runs that wait are killed."""
        self.is_stopping = True

    def start(self) -> None:
        """Let everything happen, until the queue is empty or `stop`. Raises what went wrong."""
        self._hub = getcurrent()
        while self._queue and not self.is_stopping:
            self.now_ms, _, what, _ = heappop(self._queue)
            if isinstance(what, greenlet):
                del self._waiting[what]
                what.switch()
            else:
                (self._idle.pop() if self._idle else greenlet(self._work)).switch(what)
        self.is_stopping = True
        for unfinished in self._waiting:
            unfinished.switch()
        for idle in self._idle:
            idle.switch(None)
        if self.failure is not None:
            raise self.failure

    def sleep(self, wait_ms: int) -> None:
        """Let time pass in the middle of a run; a run whose function's time is over is killed."""
        run = self.run_now
        assert run is not None, "only runs of functions wait"
        if self.is_stopping:
            raise Killed
        until_ms = min(self.now_ms + wait_ms, run.ends_at_ms)
        if self._queue and self._queue[0][0] <= until_ms:
            self._let_others(until_ms)
            self.run_now = run
        else:
            self.now_ms = until_ms
        if self.is_stopping or run.is_dead or until_ms == run.ends_at_ms:
            raise Killed

    def _push(self, at_ms: int, what: Action | greenlet, is_routine: bool) -> None:
        self._entries += 1
        heappush(self._queue, (at_ms, self._entries, what, is_routine))

    def _let_others(self, until_ms: int) -> None:
        mine = getcurrent()
        self._push(until_ms, mine, False)
        self._waiting[mine] = None
        self._hub.switch()

    def _work(self, action: Action | None) -> None:
        """Carry out one action after the other, as the hub hands them over."""
        while action is not None:
            self._carry_out(action)
            self._idle.append(getcurrent())
            action = self._hub.switch()

    def _carry_out(self, action: Action) -> None:
        try:
            action()
        except Killed:
            pass
        except BaseException as exc:  # noqa: BLE001  (told to whoever started the simulation)
            self.failure = self.failure or exc
            self.is_stopping = True


def carried_out(scheduler: Scheduler, run: Run, body: Callable[[], Any]) -> Any:
    """Let `run` do `body` now. Raises what it raises; Killed when it was."""
    before, scheduler.run_now = scheduler.run_now, run
    try:
        return body()
    finally:
        scheduler.run_now = before
