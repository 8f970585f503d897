"""Timers of single sessions on the virtual clock: late or twice, as all that is scheduled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.simulation.instants import ms_of
from tests.simulation.ports import Ports
from tests.simulation.scheduler import MINUTE, SECOND

type Fire = Callable[[str], None]
"""Has the session of that id looked after."""


class Timers:
    """See `HardStops`; each is known by its session and instant, and fires once."""

    def __init__(self, ports: Ports, fire: Fire) -> None:
        self._ports = ports
        self._fire = fire
        self._set: set[tuple[str, datetime]] = set()

    def set(self, session_id: str, at: datetime) -> None:
        """See `HardStops`."""

        def effect() -> None:
            if (session_id, at) not in self._set:
                self._set.add((session_id, at))
                due_ms = ms_of(at)
                self._ports.scheduler.at(due_ms, lambda: self._due(session_id, at), is_routine=True)

        self._ports.store_call(f"set a timer of {session_id}", effect)

    def clear(self, session_id: str, at: datetime) -> None:
        """See `HardStops`."""

        def effect() -> None:
            self._set.discard((session_id, at))

        self._ports.call(f"clear the timer of {session_id}", effect, 5, 10)

    def _due(self, session_id: str, at: datetime) -> None:
        if (session_id, at) not in self._set:
            return
        self._set.discard((session_id, at))
        faults, scheduler = self._ports.faults, self._ports.scheduler
        if faults.happens(faults.odds.sweep_twice):
            again_ms = faults.between(0, 2 * MINUTE)
            scheduler.after(again_ms, lambda: self._fire(session_id))
        late_ms = faults.between(1, 50) * SECOND if faults.happens(faults.odds.sweep_late) else 0
        scheduler.after(late_ms, lambda: self._fire(session_id))
