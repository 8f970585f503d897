"""Calls that may run at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor


def together[T](calls: Iterable[Callable[[], T]], *, at_once: int = 3) -> list[T]:
    """Call them, `at_once` at a time, and return their results in order.

    Raises what the first of them raises, and does not wait for the others then: somebody who
    gave up (Ctrl-C) ends the processes they wait for.
    """
    pool = ThreadPoolExecutor(at_once)
    try:
        return [future.result() for future in [pool.submit(call) for call in calls]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
