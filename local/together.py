"""Calls that may run at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor


def together[T](calls: Iterable[Callable[[], T]]) -> list[T]:
    """Call all at once and return their results in order.

    Raises what the first of them raises, and does not wait for the others then: somebody who
    gave up (Ctrl-C) ends the processes they wait for.
    """
    wanted = list(calls)
    pool = ThreadPoolExecutor(len(wanted))
    try:
        return [future.result() for future in [pool.submit(call) for call in wanted]]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
