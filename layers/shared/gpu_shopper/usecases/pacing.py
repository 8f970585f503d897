"""Each call to a provider waits for its turn in the line of its endpoint, or is not sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from gpu_shopper.core.pacing import Turn, patience_s, spaced_ms
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import StoreUnavailable
from gpu_shopper.errors.provider import TooSoon
from gpu_shopper.store import turns as store
from gpu_shopper.store.turns import Line, Place

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Pacer:
    """Spaces the calls to one provider; see `core.pacing.Pace`.

    An endpoint with an interval of 0 costs nothing, not even a look at the table.
    """

    def __init__(
        self,
        provider: str,
        table: Table,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        settings: Settings,
    ) -> None:
        self._provider = provider
        self._table = table
        self._now = now
        self._sleep = sleep
        self._settings = settings
        self._intervals_ms = FACTS[provider].intervals_ms(settings)

    def __call__(self, endpoint: str, turn: Turn) -> None:
        """Wait until the call may be sent. Raises TooSoon, StoreUnavailable: it must not be."""
        interval_ms = spaced_ms(self._intervals_ms[endpoint], self._settings)
        if interval_ms == 0:
            return
        line = Line(
            table=self._table,
            provider=self._provider,
            endpoint=endpoint,
            interval_ms=interval_ms,
        )
        patience_ms = patience_s(turn, self._settings) * 1_000
        match turn:
            case Turn.TERMINATE:
                self._go_first(line, patience_ms)
            case Turn.REFRESH:
                self._give_way(line, patience_ms)
            case _:
                self._queue(line, patience_ms)

    def _queue(self, line: Line, patience_ms: int) -> None:
        place = store.take(line, self._now(), patience_ms)
        if not place.taken:
            raise self._too_soon(line, place)
        self._wait(place.wait_ms)

    def _go_first(self, line: Line, patience_ms: int) -> None:
        """Never refused: a machine that costs money is worth a vain call, and a broken line."""
        try:
            place = store.take_first(line, self._now(), patience_ms)
        except StoreUnavailable:
            return
        self._wait(min(place.wait_ms, patience_ms))

    def _give_way(self, line: Line, patience_ms: int) -> None:
        """Take no place ahead of time: whoever comes meanwhile goes first."""
        waited_ms = 0
        while not (place := store.take(line, self._now(), 0)).taken:
            waited_ms += place.wait_ms
            if waited_ms > patience_ms:
                raise self._too_soon(line, place)
            self._wait(place.wait_ms)

    def _wait(self, wait_ms: int) -> None:
        if wait_ms > 0:
            self._sleep(wait_ms / 1_000)

    def _too_soon(self, line: Line, place: Place) -> TooSoon:
        wait_s = math.ceil(place.wait_ms / 1_000)
        text = f"too many calls of {line.provider} ({line.endpoint}) wait for their turn"
        return TooSoon(text, retry_after_s=wait_s)
