"""Values are kept as they are: packing them took most of a run's time, and shows nothing.

Of the rows of tables the first reading of each is decoded, for all its readers; objects are not
packed at all. Some seeds are played with the product's own codecs all the same.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import Any
from unittest.mock import patch

from gpu_shopper import store
from gpu_shopper.store import codec, inventory, price_books
from tests.simulation.rows import Row

_from_item = codec.from_item


@contextmanager
def plain_values() -> Iterator[None]:
    """Meanwhile rows are decoded once, and objects never."""
    objects, books = _Objects(), _Objects()
    with ExitStack() as stack:
        for module in _decoding():
            stack.enter_context(patch.object(module, "from_item", _decoded))
        for module, name, replacement in (
            (inventory, "pack", objects.pack),
            (inventory, "unpack", lambda _provider, _generation, packed: objects.unpack(packed)),
            (price_books, "_packed", books.pack),
            (price_books, "_unpacked", books.unpack),
        ):
            stack.enter_context(patch.object(module, name, replacement))
        yield


@cache
def _decoding() -> list[ModuleType]:
    """The modules that decode rows."""
    names = [one.name for one in pkgutil.iter_modules(store.__path__, f"{store.__name__}.")]
    modules = [importlib.import_module(name) for name in names if name != codec.__name__]
    return [module for module in modules if hasattr(module, "from_item")]


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
