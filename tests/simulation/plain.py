"""Objects are stored as they are: compressing them took most of a run's time, and shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from gpu_shopper.store import price_books, snapshots

_PLAIN = SimpleNamespace(compress=lambda data, **_level: data, decompress=lambda data: data)


@contextmanager
def plain_objects() -> Iterator[None]:
    """Meanwhile nothing is compressed."""
    with ExitStack() as stack:
        for module in (price_books, snapshots):
            stack.enter_context(patch.object(module, "gzip", _PLAIN))
        yield
