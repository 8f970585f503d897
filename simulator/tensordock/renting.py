"""Create, delete, start and stop: the calls that begin and end costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import draws
from simulator.faults.machines import fate_of, strike
from simulator.instances import Instance
from simulator.tensordock import errors, machines, orders
from simulator.tensordock.market import Node, Stock
from simulator.tensordock.orders import Order
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.tensordock.provider import TensorDock

LEAST_BALANCE_USD = 1.0
STALE_S = 300.0  # a location whose list is stale stays so for this long
_RESTART_FAILS = 0.3  # share of starts after the GPU was released; `realistic` only

Place = tuple[Stock, Node]


class Renting:
    """POST instances, DELETE, start and stop of one."""

    def __init__(self, dock: TensorDock) -> None:
        self._dock = dock
        instance = "/api/v2/instances/{instance_id}"
        self.routes = [
            Route("POST", "/api/v2/instances", "create", self._create),
            Route("DELETE", instance, "destroy", self._destroy),
            Route("POST", instance + "/start", "change", self._start),
            Route("POST", instance + "/stop", "change", self._stop),
        ]

    def _create(self, call: Call) -> Reply:
        world = self._dock.world
        try:
            order = orders.read(_json(call), strict=world.knobs.flag("strict_body"))
        except orders.BadOrder as exc:
            return errors.invalid(exc.problems)
        if refused := self._refused_by_rule(call, order) or self._too_poor():
            return refused
        place = self._place(order)
        return place if isinstance(place, Reply) else self._rent(call, order, place)

    def _refused_by_rule(self, call: Call, order: Order) -> Reply | None:
        if rule := call.rule("no_such_ask"):
            stock = self._stock(order)
            if stock and rule.params["remove"]:
                stock.listed = False
            return errors.in_body(rule.params["code"], "Hostnode unavailable")
        if rule := call.rule("no_capacity"):
            return self._dock.no_capacity(rule.params["in"], rule.params["text"])
        return None

    def _too_poor(self) -> Reply | None:
        if self._dock.credit_usd() >= LEAST_BALANCE_USD:
            return None
        return errors.in_body(400, f"You need at least ${LEAST_BALANCE_USD:.2f} to deploy")

    def _stock(self, order: Order) -> Stock | None:
        if order.node_id is None:
            return self._dock.market.stock(order.location_id or "", order.v0_name)
        found = self._dock.market.by_node(order.node_id)
        return found[0] if found and found[0].card.v0_name == order.v0_name else None

    def _place(self, order: Order) -> Place | Reply:
        """The node that takes the order, or how it is refused: always within HTTP 200."""
        stock = self._stock(order)
        if stock is None or stock.withdrawn or self._stale(stock):
            return errors.in_body(400, errors.NO_NODES)
        if not order.fits(stock):
            return errors.in_body(400, "Insufficient capacity")
        realistic = self._dock.world.knobs.flag("realistic")
        if realistic and order.dedicated_ip and not stock.dedicated_ip:
            return errors.in_body(400, "No available public IPs")
        nodes = [node for node in stock.nodes if order.node_id in (None, node.id)]
        free = [node for node in nodes if node.free >= order.gpus]
        if free:
            return stock, min(free, key=lambda node: node.free)
        return errors.in_body(400, "Hostnode unavailable" if order.node_id else errors.NO_NODES)

    def _stale(self, stock: Stock) -> bool:
        world = self._dock.world
        period = int(world.clock.now_s() // STALE_S)
        drawn = draws.share(world.seed, "stale", stock.location.id, period)
        return drawn < world.knobs.seconds("stale_locations")

    def _rent(self, call: Call, order: Order, place: Place) -> Reply:
        stock, node = place
        if (rule := call.rule("price_change")) and rule.params["what"] == "offer":
            self._dock.reprice_offer(stock.id, rule.params["factor"])
        instance = self._begin(call, order, stock, node)
        if call.rule("double_create"):
            self._begin(call, order, stock, node)
        row = {"type": "virtualmachine", "id": str(instance.id)}
        return json_reply({"data": {**row, "name": order.name, "status": "creating"}}, 201)

    def _begin(self, call: Call, order: Order, stock: Stock, node: Node) -> Instance:
        world = self._dock.world
        when, disk = machines.times(world), machines.disk_after(order)
        birth = machines.birth(order, stock, when, disk)
        instance = self._dock.rent(node, birth, fate_of(call.rules))
        rule = call.rule("key_not_installed")
        machines.install_keys(world, instance, disk, rule.params["s"] if rule else when.keys_s)
        strike(world, instance, call.rules)
        return instance

    def _destroy(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance()
        if rule := call.rule("destroy_refused"):
            return errors.of(rule.params["code"])
        if not call.rule("destroy_ignored"):
            delay_s = self._dock.world.knobs.seconds("destroy_s")
            if rule := call.rule("destroy_slow"):
                delay_s = rule.params["s"]
            self._dock.world.fleet.destroy(instance, "api", delay_s)
        return _deleted(instance)

    def _stop(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance()
        world = self._dock.world
        word = "StoppedDisassociated" if world.knobs.flag("realistic") else "stopped"
        instance.wanted = "stopped"
        world.fleet.show_status(instance, "stopping")
        delay_s = world.knobs.seconds("destroy_s")
        world.fleet.later(instance, delay_s, lambda: self._settle(instance, "stopped", word))
        return _accepted(instance, "stopping")

    def _start(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance()
        world = self._dock.world
        if instance.status == "StoppedDisassociated" and self._cannot_restart(instance):
            return errors.in_body(400, "GPU not available")
        instance.wanted = "running"
        if instance.status != "running":
            world.fleet.show_status(instance, "starting")
            delay_s = world.knobs.boot(self._dock.name).loading_s
            world.fleet.later(instance, delay_s, lambda: self._settle(instance, "running"))
        return _accepted(instance, "starting")

    def _cannot_restart(self, instance: Instance) -> bool:
        world = self._dock.world
        return draws.share(world.seed, "restart", instance.id) < _RESTART_FAILS

    def _settle(self, instance: Instance, wanted: str, word: str | None = None) -> None:
        if instance.wanted == wanted:
            self._dock.world.fleet.show_status(instance, word or wanted)


def _deleted(instance: Instance) -> Reply:
    """A delete is answered in one of three ways; each machine keeps to its own."""
    shapes = (
        json_reply({"data": {"type": "success", "id": str(instance.id)}}),
        json_reply({"success": True}),
        Reply(204, b""),
    )
    return shapes[instance.id % len(shapes)]


def _accepted(instance: Instance, status: str) -> Reply:
    return json_reply(
        {"data": {"type": "virtualmachine", "id": str(instance.id), "status": status}}
    )


def _live(call: Call) -> Instance | None:
    instance = call.instance
    return instance if instance and instance.alive and not instance.removed else None


def _json(call: Call) -> Any:
    """The body, or None when it is not JSON: the checks after it refuse None."""
    try:
        return call.body()
    except ValueError:
        return None
