"""TensorDock's offers as the control endpoints see and change them."""

from __future__ import annotations

from typing import Any

from simulator import checks, draws
from simulator.checks import BadField
from simulator.tensordock.cards import card_of
from simulator.tensordock.market import Market, Node, Stock, make_stock

_PREFIX = "tensordock-"
_SET: dict[str, checks.Check] = {
    "price": checks.number(),
    "rentable": checks.flag,
    "available": checks.flag,
}
_ADD: dict[str, checks.Check] = {
    "gpu_type": checks.text,
    "price": checks.number(),
    "num_gpus": checks.integer(1, 16),
    "location_id": checks.text,
}


def counts(market: Market) -> dict[str, int]:
    """GPU types at locations that are listed, and those that can be rented."""
    listed = [stock for stock in market.stocks() if stock.listed]
    return {"offers": len(listed), "rentable": sum(stock.rentable for stock in listed)}


def shown(market: Market) -> list[dict[str, Any]]:
    """Every listed offer in short. Prices in $/h per GPU; `num_gpus` is the most there is now."""
    return [
        {
            "id": stock.id,
            "gpu_type": stock.card.model.name,
            "num_gpus": stock.largest,
            "price": stock.gpu_price,
            "rentable": stock.rentable,
            "location_id": stock.location.id,
        }
        for stock in market.stocks()
        if stock.listed
    ]


def free_place(market: Market, gpu_type: str | None) -> tuple[Stock, Node] | None:
    """The first offer of that GPU that can be rented, and the node with the most room."""
    card = card_of(gpu_type) if gpu_type else None
    if gpu_type and card is None:
        return None
    fitting = (stock for stock in market.stocks() if card in (None, stock.card))
    stock = next((stock for stock in fitting if stock.rentable), None)
    return (stock, max(stock.nodes, key=lambda node: node.free)) if stock else None


def change(market: Market, body: Any) -> None:
    """Carry out {add[], remove[], set{id: {...}}}; everything is checked first.

    Raises BadField.
    """
    given = checks.known(body, {"add", "remove", "set"})
    removed = [_known(market, "remove", ident) for ident in _list("remove", given)]
    settings = [
        (_known(market, "set", ident), checks.fields(values, _SET, f"set.{ident}"))
        for ident, values in checks.mapping("set", given.get("set") or {}).items()
    ]
    added = [_new(market, number, spec) for number, spec in enumerate(_list("add", given))]
    for stock in removed:
        stock.listed = False
    for stock, values in settings:
        _set(stock, values)
    for stock in added:
        stock.location.stocks.append(stock)


def _list(field: str, given: dict[str, Any]) -> list[Any]:
    value = given.get(field) or []
    if not isinstance(value, list):
        raise BadField(field, "must be a list")
    return value


def _known(market: Market, field: str, ident: Any) -> Stock:
    stock = market.by_id(str(ident).removeprefix(_PREFIX))
    if stock is None:
        raise BadField(field, f"no offer {ident}")
    return stock


def _set(stock: Stock, values: dict[str, Any]) -> None:
    if "price" in values:
        stock.gpu_price = values["price"]
    if "rentable" in values:
        stock.withdrawn = not values["rentable"]
    if "available" in values:
        stock.listed = values["available"]


def _new(market: Market, number: int, spec: Any) -> Stock:
    """One more GPU type at a location, by default the first; with all its GPUs free."""
    given = checks.fields(spec, _ADD, f"add.{number}")
    card = card_of(given.get("gpu_type", "RTX 4090"))
    if card is None:
        raise BadField(f"add.{number}.gpu_type", f"unknown model {given['gpu_type']!r}")
    ident = given.get("location_id", market.locations[0].id)
    location = next((place for place in market.locations if place.id == ident), None)
    if location is None:
        raise BadField(f"add.{number}.location_id", f"no location {ident}")
    if market.by_id(f"{ident}-{card.v0_name}"):
        raise BadField(f"add.{number}", f"{card.v0_name} is offered there already")
    stock = make_stock(draws.seeded("added", ident, card.v0_name), location, card)
    stock.nodes = [Node(stock.nodes[0].id, given.get("num_gpus", 1), 99.9)]
    stock.gpu_price = given.get("price", stock.gpu_price)
    return stock
