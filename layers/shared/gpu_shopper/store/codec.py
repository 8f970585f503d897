"""Values of the core to items and back; DynamoDB's numbers and our instants meet here."""

from __future__ import annotations

from typing import Any, cast

from pydantic import TypeAdapter

type Item = dict[str, Any]


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Building an adapter costs milliseconds: each kind's is built once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_item(value: Any) -> Item:
    """`value`, a dataclass of the core, as attributes; unknown things are left out."""
    return cast(Item, _adapter(type(value)).dump_python(value, mode="json", exclude_none=True))


def from_item[T](kind: type[T], item: Item) -> T:
    """The value that `to_item` wrote; attributes that it does not know are ignored."""
    return cast(T, _adapter(kind).validate_python(item))
