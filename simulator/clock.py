"""The simulator's own time: real time at a chosen speed, or moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(order=True)
class Timer:
    """Something due at an instant (epoch seconds); `cancel` makes it never happen."""

    due_s: float
    number: int
    act: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Never run it."""
        self.cancelled = True


class Clock:
    """Epoch seconds, with timers that fire in order of their due time.

    At speed 0 it stands still until `advance`; otherwise it runs `speed` times as fast as real
    time. While a timer runs, `now_s` is exactly the instant it was due.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._handle: asyncio.TimerHandle | None = None
        self.restart()

    def restart(self, speed: float = 1.0) -> None:
        """Drop every timer and start again at the real present."""
        self._timers: list[Timer] = []
        self._at_s = time.time()
        self._mark = time.monotonic()
        self._speed = speed
        self._held: float | None = None
        self._arm()

    @property
    def speed(self) -> float:
        """Seconds here per real second."""
        return self._speed

    def now_s(self) -> float:
        """The present, in epoch seconds."""
        if self._held is not None:
            return self._held
        return self._at_s + (time.monotonic() - self._mark) * self._speed

    def later(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Do `act` after `delay_s` seconds of this clock."""
        timer = Timer(self.now_s() + max(0.0, delay_s), next(self._numbers), act)
        heapq.heappush(self._timers, timer)
        self._arm()
        return timer

    def set_speed(self, speed: float) -> None:
        """Run at `speed` from now on; 0 stands still."""
        self._rebase(self.now_s())
        self._speed = speed
        self._arm()

    def advance(self, seconds: float) -> None:
        """Move forward; timers due in between fire in order, each at its own instant."""
        target = self.now_s() + seconds
        self._fire_until(target)
        self._rebase(target)
        self._arm()

    def _rebase(self, at_s: float) -> None:
        self._at_s, self._mark = at_s, time.monotonic()

    def _fire_until(self, target: float) -> None:
        while self._timers and self._timers[0].due_s <= target:
            timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            self._held = timer.due_s
            try:
                timer.act()
            finally:
                self._held = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._held is None and self._timers and self._speed > 0:
            wait_s = (self._timers[0].due_s - self.now_s()) / self._speed
            self._handle = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._wake)

    def _wake(self) -> None:
        self._fire_until(self.now_s())
        self._arm()


def rfc3339(epoch_s: float | None) -> str | None:
    """An instant as RFC 3339 text with Z and milliseconds."""
    if epoch_s is None:
        return None
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_s(text: str) -> float:
    """Epoch seconds of RFC 3339 text. Raises ValueError, also for text without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("needs an offset or Z")
    return moment.timestamp()
