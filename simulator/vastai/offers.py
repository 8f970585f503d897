"""Offers as the control endpoints see and change them."""

from __future__ import annotations

from typing import Any

from simulator import checks, draws
from simulator.checks import BadField
from simulator.gpus import BY_NAME
from simulator.vastai.book import Book
from simulator.vastai.machines import Ask, build_machine, listed_price

_SET: dict[str, checks.Check] = {
    "price": checks.number(),
    "rentable": checks.flag,
    "available": checks.flag,
}
_ADD: dict[str, checks.Check] = {
    "gpu_type": checks.text,
    "price": checks.number(),
    "num_gpus": checks.integer(1, 16),
    "id": checks.integer(1),
}


def counts(book: Book) -> dict[str, int]:
    """All listed asks, and those that can be rented."""
    listed = [ask for ask in book.asks if ask.listed]
    return {"offers": len(listed), "rentable": sum(ask.rentable for ask in listed)}


def shown(book: Book) -> list[dict[str, Any]]:
    """Every listed ask in short. Prices in $/h for the whole ask."""
    return [
        {
            "id": str(ask.id),
            "gpu_type": ask.machine.model.name,
            "num_gpus": ask.size,
            "price": ask.dph_base,
            "rentable": ask.rentable,
            "machine_id": ask.machine.id,
        }
        for ask in book.asks
        if ask.listed
    ]


def free_ask(book: Book, gpu_type: str | None) -> Ask | None:
    """The first rentable ask, of that GPU if given."""
    names = (None, gpu_type)
    fitting = (ask for ask in book.asks if gpu_type is None or ask.machine.model.name in names)
    return next((ask for ask in fitting if ask.rentable), None)


def change(book: Book, body: Any) -> None:
    """Carry out {add[], remove[], set{id: {...}}}; everything is checked first.

    Raises BadField.
    """
    given = checks.known(body, {"add", "remove", "set"})
    removed = [_known(book, "remove", ident) for ident in _list("remove", given)]
    settings = {
        ident: (_known(book, "set", ident), checks.fields(values, _SET, f"set.{ident}"))
        for ident, values in checks.mapping("set", given.get("set") or {}).items()
    }
    added = [_new_ask(book, number, spec) for number, spec in enumerate(_list("add", given))]
    for ask in removed:
        ask.listed = False
    for ask, values in settings.values():
        _set(book, ask, values)
    book.add(added)


def _list(field: str, given: dict[str, Any]) -> list[Any]:
    value = given.get(field) or []
    if not isinstance(value, list):
        raise BadField(field, "must be a list")
    return value


def _known(book: Book, field: str, ident: Any) -> Ask:
    ask = book.get(int(ident)) if str(ident).isdecimal() else None
    if ask is None:
        raise BadField(field, f"no offer {ident}")
    return ask


def _set(book: Book, ask: Ask, values: dict[str, Any]) -> None:
    if "price" in values:
        book.reprice(ask, values["price"])
    if "rentable" in values:
        ask.withdrawn = not values["rentable"]
    if "available" in values:
        ask.listed = values["available"]


def _new_ask(book: Book, number: int, spec: Any) -> Ask:
    given = checks.fields(spec, _ADD, f"add.{number}")
    name = given.get("gpu_type", "RTX 4090")
    if name not in BY_NAME:
        raise BadField(f"add.{number}.gpu_type", f"unknown model {name!r}")
    position = len(book.asks) + number
    rng = draws.seeded("added", position)
    machine = build_machine(rng, 900_000 + position, 900_000 + position, BY_NAME[name])
    machine.gpus = given.get("num_gpus", 1)
    price = given.get("price", listed_price(machine.gpu_price, machine.gpus))
    ask = Ask(given.get("id", 90_000_000 + position), machine, 0, machine.gpus, price)
    machine.asks.append(ask)
    return ask
