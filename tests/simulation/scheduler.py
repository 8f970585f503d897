"""The virtual clock and its queue of events: many function runs at once, one of them moving.

A run of a function may wait in the middle of a call; meanwhile others go on, and it continues at
its instant, wherever that falls in their work. Each waiting run keeps its stack on a thread of
its own, but exactly one thread moves at any time and the queue alone says which: (instant, order
of entry) decides everything, so a run repeats exactly.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

START = datetime(2026, 3, 2, tzinfo=UTC)

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


class _Carrier:
    """A thread that moves while it holds the baton."""

    def __init__(self) -> None:
        self.baton = _thread.allocate_lock()
        self.baton.acquire()
        self.drive: Callable[[_Carrier], None] | None = None
        _thread.start_new_thread(self._forever, ())

    def _forever(self) -> None:
        while True:
            self.baton.acquire()
            assert self.drive is not None
            self.drive(self)


_IDLE: list[_Carrier] = []
"""Carriers with nothing on their stack; kept from one simulation to the next."""


class Scheduler:
    """The clock, the queue, and whose turn it is."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.run_now: Run | None = None
        self.failure: BaseException | None = None
        self._queue: list[tuple[int, int, Action | _Carrier, bool]] = []
        self._entries = 0
        self._carrier: _Carrier | None = None
        self._waiting: dict[_Carrier, None] = {}
        self.is_stopping = False
        self._finished = _thread.allocate_lock()

    def now(self) -> datetime:
        """The instant, as the product sees it."""
        return START + timedelta(milliseconds=self.now_ms)

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
        self._finished.acquire()
        self._hand_over()
        self._finished.acquire()
        if self.failure is not None:
            raise self.failure

    def sleep(self, wait_ms: int) -> None:
        """Let time pass in the middle of a run; a run whose function's time is over is killed."""
        run = self.run_now
        assert run is not None, "only runs of functions wait"
        until_ms = min(self.now_ms + wait_ms, run.ends_at_ms)
        if self._queue and self._queue[0][0] <= until_ms:
            self._let_others(until_ms)
            self.run_now = run
        else:
            self.now_ms = until_ms
        if self.is_stopping or run.is_dead or until_ms == run.ends_at_ms:
            raise Killed

    def _push(self, at_ms: int, what: Action | _Carrier, is_routine: bool) -> None:
        self._entries += 1
        heappush(self._queue, (at_ms, self._entries, what, is_routine))

    def _let_others(self, until_ms: int) -> None:
        mine = self._carrier
        assert mine is not None
        self._push(until_ms, mine, False)
        self._waiting[mine] = None
        self._hand_over()
        mine.baton.acquire()
        self._carrier = mine

    def _hand_over(self) -> None:
        """Let an idle carrier drive; the caller stops moving right after this."""
        carrier = _IDLE.pop() if _IDLE else _Carrier()
        carrier.drive = self._drive
        carrier.baton.release()

    def _drive(self, carrier: _Carrier) -> None:
        """Carry out events until one belongs to a run that waits on another carrier."""
        self._carrier = carrier
        while not self.is_stopping and self._queue:
            self.now_ms, _, what, _ = heappop(self._queue)
            if isinstance(what, _Carrier):
                self._wake(what, carrier)
                return
            self._carry_out(what)
        self._end(carrier)

    def _carry_out(self, action: Action) -> None:
        try:
            action()
        except Killed:
            pass
        except BaseException as exc:  # noqa: BLE001  (told to whoever started the simulation)
            self.failure = self.failure or exc
            self.is_stopping = True

    def _wake(self, waiting: _Carrier, carrier: _Carrier) -> None:
        del self._waiting[waiting]
        _IDLE.append(carrier)
        waiting.baton.release()

    def _end(self, carrier: _Carrier) -> None:
        """Kill the runs that still wait, one by one; each comes back here."""
        self.is_stopping = True
        if self._waiting:
            self._wake(next(iter(self._waiting)), carrier)
            return
        _IDLE.append(carrier)
        self._finished.release()


def carried_out(scheduler: Scheduler, run: Run, body: Callable[[], Any]) -> Any:
    """Let `run` do `body` now. Raises what it raises; Killed when it was."""
    before, scheduler.run_now = scheduler.run_now, run
    try:
        return body()
    finally:
        scheduler.run_now = before
