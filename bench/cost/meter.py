"""Counts what a deployment uses while the simulation plays it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.cost import units
from tests.simulation.expressions import Item
from tests.simulation.rows import Rows

MB_OF_A_CORE = 1_769
"""A function with so much memory has one core; one with less has that share of it."""

PLATFORM_LOG_BYTES = 400
"""START, END and REPORT, which Lambda writes of each run, with the line of the trace."""

EVENT_LOG_BYTES = 26
"""What CloudWatch adds to each event of a log."""

KEPT_MS = 10 * 60_000
"""So long an instance of a function that nobody needs is kept."""


def core_share(memory_mb: int) -> float:
    """The part of a core that a function of this memory has."""
    return min(1.0, memory_mb / MB_OF_A_CORE)


@dataclass(slots=True)
class Watch:
    """The computing of one run: CPU seconds outside of calls, and how many calls it made.

    Of a run that happens `at_once` no time passes in the simulation: what it would have waited is
    added up instead.
    """

    function: str
    cpu_s: float = 0.0
    calls: int = 0
    since_s: float | None = None
    at_once: bool = False
    waited_ms: int = 0


@dataclass
class Meter:
    """What was used, by its name in the price table and by what for.

    `call_cpu_s` is what one call of an AWS client takes of a core, `init_s` how long a function
    takes to start: the simulation has neither.
    """

    memory_mb: Callable[[str], int]
    init_s: Callable[[str], float]
    call_cpu_s: float
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    metrics: set[tuple[str, ...]] = field(default_factory=set)
    instances: dict[str, list[int]] = field(default_factory=dict)
    _running: Watch | None = None
    _outside: Watch | None = None
    _write_factor: int = 1

    def count(self, name: str, what_for: str, quantity: float = 1) -> None:
        """So much of it."""
        self.used[name, what_for] += quantity  # type: ignore[assignment]  # a Counter counts floats

    @contextmanager
    def invocation(
        self, function: str, now_ms: Callable[[], int], *, at_once: bool
    ) -> Iterator[None]:
        """One run of a function: computing at its share of a core, and waiting as simulated."""
        began_ms, before = now_ms(), self._running
        watch = self._running = Watch(function, since_s=time.process_time(), at_once=at_once)
        try:
            yield
        finally:
            self._stop(watch)
            self._running = before
            waited_ms = now_ms() - began_ms + watch.waited_ms
            self._invoked(watch, began_ms, waited_ms)

    def _invoked(self, watch: Watch, began_ms: int, waited_ms: int) -> None:
        function = watch.function
        memory_mb = self.memory_mb(function)
        computing_s = watch.cpu_s + watch.calls * self.call_cpu_s
        took_s = waited_ms / 1_000 + computing_s / core_share(memory_mb)
        self.count("lambda requests", function)
        self.count("lambda GB-s", function, took_s * memory_mb / 1_024)
        self.count("log bytes", function, PLATFORM_LOG_BYTES)
        if self._starts(function, began_ms, began_ms + round(1_000 * took_s)):
            gb_s = self.init_s(function) * memory_mb / 1_024
            self.count("lambda GB-s", "cold starts", gb_s)

    def _starts(self, function: str, from_ms: int, until_ms: int) -> bool:
        """Whether no instance was free and still kept; the one that ran is, from then on."""
        free = self.instances.setdefault(function, [])
        kept = [at_ms for at_ms in free if at_ms <= from_ms <= at_ms + KEPT_MS]
        if kept:
            free.remove(max(kept))
        free[:] = [at_ms for at_ms in free if from_ms <= at_ms + KEPT_MS]
        free.append(until_ms)
        return not kept

    def waits_at_once(self, wait_ms: int) -> bool:
        """Whether the calling run lets no time pass; then this is added to what it waited."""
        watch = self._outside
        if watch is None or not watch.at_once:
            return False
        watch.waited_ms += wait_ms
        return True

    def compute(self, cpu_s: float) -> None:
        """The running function takes so much of a core besides."""
        if self._running is not None:
            self._running.cpu_s += cpu_s

    @contextmanager
    def outside(self) -> Iterator[None]:
        """A call out of the running function: what happens there is not its computing."""
        watch = self._running
        if watch is None:
            yield
            return
        watch.calls += 1
        self._stop(watch)
        self._running, self._outside = None, watch
        try:
            yield
        finally:
            self._running, self._outside = watch, None
            watch.since_s = time.process_time()

    @staticmethod
    def _stop(watch: Watch) -> None:
        if watch.since_s is not None:
            watch.cpu_s += time.process_time() - watch.since_s
            watch.since_s = None

    def logged(self, text: str) -> None:
        """One line of the running function's log."""
        function = self._running.function if self._running else "nobody"
        self.count("log bytes", function, len(text.encode()) + EVENT_LOG_BYTES)

    def emitted(self, text: str) -> None:
        """A line in the embedded metric format: also the metrics that it makes."""
        self.logged(text)
        line = json.loads(text)
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                words = [f"{name}={line[name]}" for name in dimensions]
                self.metrics |= {(one["Name"], *words) for one in directive["Metrics"]}

    def reads(self, table: str, items: Iterable[Item], *, consistent: bool) -> None:
        """Items that were read together."""
        sizes = [units.item_bytes(one) for one in items]
        self.count("dynamodb read units", table, units.read_units(sizes, consistent=consistent))

    @contextmanager
    def writing(self, factor: int) -> Iterator[None]:
        """Meanwhile units of writes count so often: those of a transaction twice."""
        self._write_factor = factor
        try:
            yield
        finally:
            self._write_factor = 1

    def watch(self, rows: Rows) -> None:
        """Count every write to this table, with those to its indexes."""

        def written(before: Item | None, after: Item | None) -> None:
            own = units.write_units(before, after) * self._write_factor
            self.count("dynamodb write units", rows.name, own)
            for index, keys in rows.indexes.items():
                more = units.index_units(before, after, keys, whole=index in rows.whole)
                if more:
                    self.count("dynamodb write units", f"{rows.name} by indexes", more)

        rows.watches.append(written)

    def refused(self, table: str, factor: int) -> None:
        """A write whose condition did not hold costs as much as one that did; at least a unit."""
        self.count("dynamodb write units", table, factor)
