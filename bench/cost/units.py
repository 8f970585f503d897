"""What DynamoDB charges for: sizes of items, and the units that reading and writing them takes.

The rules are those of the developer guide's pages on item sizes and on capacity units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import ceil
from typing import Any

type Item = Mapping[str, Any]

READ_BYTES = 4_096
WRITE_BYTES = 1_024
_NESTED_BYTES = 3


def item_bytes(item: Item) -> int:
    """The size of an item: its names and its values."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Any) -> int:
    """The size of one value; two digits of a number share a byte, and it has one more."""
    match value:
        case None | bool():
            return 1
        case str():
            return len(value.encode())
        case bytes() | bytearray():
            return len(value)
        case Decimal() | int():
            digits = Decimal(value).normalize().as_tuple().digits
            return ceil(len(digits) / 2) + 1
        case Mapping():
            return _NESTED_BYTES + len(value) + item_bytes(value)
        case _:
            return _NESTED_BYTES + len(value) + sum(map(value_bytes, value))


def read_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Units of reading items of these sizes together, as a query does; nothing costs as much."""
    units = max(1, ceil(sum(sizes) / READ_BYTES))
    return units if consistent else units / 2


def write_units(before: Item | None, after: Item | None) -> int:
    """Units of one write to a table: of the larger of what was there and what is."""
    larger = max(item_bytes(one) if one else 0 for one in (before, after))
    return max(1, ceil(larger / WRITE_BYTES))


def index_units(
    before: Item | None, after: Item | None, keys: tuple[str, str], *, whole: bool
) -> int:
    """Units that one index takes for a write to its table.

    An entry that stays as it is costs nothing; one with another key is removed and put.
    """
    entries = [_entry(one, keys, whole=whole) for one in (before, after)]
    if entries[0] == entries[1]:
        return 0
    old, new = entries
    if old and new and all(old[name] == new[name] for name in keys):
        return write_units(old, new)
    return sum(write_units(None, one) for one in entries if one)


def _entry(item: Item | None, keys: tuple[str, str], *, whole: bool) -> Item | None:
    if item is None or not all(name in item for name in keys):
        return None
    return item if whole else {name: item[name] for name in ("pk", "sk", *keys)}
