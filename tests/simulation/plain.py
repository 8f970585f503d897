"""Values are kept as they are: packing them took most of a run's time, and shows nothing.

Of the rows of tables the first reading of each is decoded, for all its readers; objects are not
packed at all. Some seeds are played with the product's own codecs all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from gpu_shopper.store import (
    access,
    breakers,
    codec,
    failures,
    inventory,
    location_stats,
    operations,
    price_books,
    sessions,
)
from tests.simulation.rows import Row

_from_item = codec.from_item


@contextmanager
def plain_values() -> Iterator[None]:
    """Meanwhile rows are decoded once, and objects never."""
    objects, books = _Objects(), _Objects()
    with ExitStack() as stack:
        for module in (access, breakers, failures, location_stats, operations, sessions):
            stack.enter_context(patch.object(module, "from_item", _decoded))
        for module, name, replacement in (
            (inventory, "pack", objects.pack),
            (inventory, "unpack", lambda _provider, _generation, packed: objects.unpack(packed)),
            (price_books, "_packed", books.pack),
            (price_books, "_unpacked", books.unpack),
        ):
            stack.enter_context(patch.object(module, name, replacement))
        yield


class _Objects:
    """Packs values as the numbers by which it knows them."""

    def __init__(self) -> None:
        self._values: list[Any] = []

    def pack(self, value: Any) -> bytes:
        self._values.append(value)
        return str(len(self._values) - 1).encode()

    def unpack(self, packed: bytes) -> Any:
        return self._values[int(packed)]


def _decoded(kind: type[Any], item: dict[str, Any]) -> Any:
    """Rows never change, and no more do values of the core."""
    if not isinstance(item, Row):
        return _from_item(kind, item)
    if not isinstance(item.decoded, kind):
        item.decoded = _from_item(kind, item)
    return item.decoded
