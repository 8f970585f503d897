"""What can be rented, and what is rented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import visibility
from simulator.instances import Instance
from simulator.tensordock import errors, rows
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.tensordock.provider import TensorDock


class Reads:
    """GET locations, hostnodes, instances and one instance."""

    def __init__(self, dock: TensorDock) -> None:
        self._dock = dock
        self.routes = [
            Route("GET", "/api/v2/locations", "locations", self._locations),
            Route("GET", "/api/v2/hostnodes", "locations", self._nodes),
            Route("GET", "/api/v2/hostnodes/{node_id}", "locations", self._node),
            Route("GET", "/api/v2/instances", "list", self._list),
            Route("GET", "/api/v2/instances/{instance_id}", "get", self._one),
        ]

    def _locations(self, _call: Call) -> Reply:
        found = [rows.location_row(location) for location in self._dock.market.locations]
        return json_reply({"data": {"locations": found}})

    def _nodes(self, call: Call) -> Reply:
        model, wanted = call.query.get("gpu_model"), call.query.get("status", "available")
        found = [
            rows.node_row(stock, node)
            for stock in self._dock.market.stocks()
            for node in stock.nodes
            if stock.listed and model in (None, stock.card.v0_name)
            if wanted != "available" or node.free
        ]
        return json_reply({"data": {"hostnodes": found}})

    def _node(self, call: Call) -> Reply:
        found = self._dock.market.by_node(call.args["node_id"])
        if found is None:
            return errors.of(404)
        return json_reply({"data": rows.node_row(*found)})

    def _list(self, call: Call) -> Reply:
        knobs = self._dock.world.knobs
        if (rule := call.rule("list_page_fails")) and rule.params["page"] == 1:
            return errors.of(rule.params["code"])
        shown = visibility.listed(self._dock.world, self._dock.name, call.rules)
        found = [self._row(instance, call) for instance in shown]
        return json_reply(rows.list_body(found, int(knobs.seconds("list_shape"))))

    def _one(self, call: Call) -> Reply:
        instance = visibility.single(self._dock.world, call)
        if instance is None:
            return errors.no_such_instance()
        return json_reply(self._row(instance, call))

    def _row(self, instance: Instance, call: Call) -> rows.Row:
        world = self._dock.world
        row = rows.machine_row(instance, world.seed, world.clock.now_s())
        for rule in call.rules:
            if visibility.named(rule, instance):
                row = rows.bent_row(row, rule)
        return row
