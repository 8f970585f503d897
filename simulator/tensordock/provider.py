"""TensorDock as one provider of the simulator: its routes, key check and market."""

from __future__ import annotations

from typing import Any

from simulator.checks import BadField
from simulator.fleet import Birth, micro
from simulator.instances import MICRO, Fate, Instance
from simulator.tensordock import errors, machines, offers, orders
from simulator.tensordock.billing import Billing
from simulator.tensordock.churn import Churn
from simulator.tensordock.cloud_init import Disk
from simulator.tensordock.market import Node, generate
from simulator.tensordock.orders import Order
from simulator.tensordock.reads import Reads
from simulator.tensordock.renting import Renting
from simulator.wire import Call, Reply, Route
from simulator.world import World

_BEARER = "bearer"


class TensorDock:
    """Locations and virtual machines, over HTTP under `/tensordock/api/v2`."""

    name = "tensordock"
    prefix = "/tensordock"
    paths_end_in_slash = False

    def __init__(self, world: World) -> None:
        self.world = world
        self._churn = Churn(self)
        self._nodes: dict[int, Node] = {}
        self.routes: list[Route] = [
            *Reads(self).routes,
            *Renting(self).routes,
            *Billing(self).routes,
        ]
        world.fleet.hooks(self.name, released=self._released, retaken=self._retaken)

    def restart(self, seed: int, offers: int) -> None:  # noqa: ARG002 - as many locations as there are
        """A fresh market; its size depends on the seed only."""
        self.market = generate(seed)
        self._nodes.clear()
        self._churn.restart(seed)

    def knobs_changed(self) -> None:
        """The market begins to move, or stops."""
        self._churn.rearm()

    def credit_usd(self) -> float:
        """What is left to spend: the knob less what the account's machines have cost."""
        now_s = self.world.clock.now_s()
        spent = sum(instance.billed_micro(now_s) for instance in self.mine()) / MICRO
        return self.world.knobs.seconds("balance_usd") - spent

    def mine(self) -> list[Instance]:
        """The account's machines, ended ones too."""
        return [i for i in self.world.fleet.everything() if i.provider == self.name]

    def offer_facts(self, call: Call) -> tuple[str | None, str | None]:
        """(offer id, GPU name) of a create, from its body."""
        if call.operation != "create":
            return None, None
        try:
            order = orders.read(call.body(), strict=False)
        except (orders.BadOrder, ValueError):
            return None, None
        stock = self.market.stock(order.location_id or "", order.v0_name)
        found = self.market.by_node(order.node_id or "")
        stock = stock or (found[0] if found else None)
        return (stock.id, stock.card.model.name) if stock else (None, None)

    def label_asked(self, body: Any) -> str | None:
        """The name in the body of a create: TensorDock has no labels."""
        name = orders.attributes_of(body).get("name")
        return name if isinstance(name, str) else None

    def refuse_key(self, call: Call) -> Reply | None:
        """401 without a good token; what can be rented is also told to a pair in the query."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == _BEARER else ""
        if call.operation == "locations" and not token and call.query.get("api_key"):
            token = call.query.get("api_token", "")
        allowed = self.world.knobs.keys(self.name)
        return None if token and (allowed is None or token in allowed) else errors.of(401)

    def refusal(self, status: int) -> Reply:
        """An error of that status."""
        return errors.of(status)

    def ok_with_error(self, status_in_body: int, text: str) -> Reply:
        """200 with {status, error}."""
        return errors.in_body(status_in_body, text)

    def no_capacity(self, status: int | None, text: str | None) -> Reply:
        """A create refused although the location is listed: usually within HTTP 200."""
        if status in (None, 200):
            return errors.in_body(400, text or errors.NO_NODES)
        return errors.failed(status or 400, text or errors.NO_NODES)

    def not_found(self, call: Call) -> Reply:
        """No such path."""
        return errors.no_such_path(call.method, call.path)

    def offer_counts(self) -> dict[str, int]:
        """Listed GPU types at locations, and those that can be rented."""
        return offers.counts(self.market)

    def show_offers(self) -> list[dict[str, Any]]:
        """Every listed offer in short."""
        return offers.shown(self.market)

    def change_offers(self, body: Any) -> None:
        """Add, remove or set offers. Raises BadField."""
        offers.change(self.market, body)

    def reprice_offer(self, offer_id: str, factor: float) -> None:
        """Multiply the GPU price of an offer."""
        stock = self.market.by_id(offer_id)
        if stock is not None:
            stock.gpu_price = round(stock.gpu_price * factor, 6)

    def plant(self, label: str, gpu_type: str | None, price_usd: float | None) -> Instance:
        """A running machine with an address; no boot. Raises BadField."""
        place = offers.free_place(self.market, gpu_type)
        if place is None:
            raise BadField("gpu_type", f"no rentable offer of {gpu_type!r}")
        stock, node = place
        order = Order(
            name=label,
            image="ubuntu2204",
            v0_name=stock.card.v0_name,
            gpus=1,
            vcpus=2,
            ram_gb=4,
            storage_gb=orders.MIN_STORAGE_GB,
            location_id=stock.location.id,
            node_id=None,
            dedicated_ip=True,
            forwarded=(),
            runcmd=None,
        )
        birth = machines.birth(order, stock, machines.Times(0, 0, 0), Disk())
        instance = self.rent(node, birth, None)
        if price_usd is not None:
            instance.spans[0].micro_per_hour = micro(price_usd)
        self.world.fleet.show_status(instance, "running")
        return instance

    def rent(self, node: Node, birth: Birth, fate: Fate | None) -> Instance:
        """Take the GPUs of the node."""
        instance = self.world.fleet.create(birth, fate)
        self._nodes[instance.id] = node
        node.taken += instance.hardware.gpus
        return instance

    def _released(self, instance: Instance) -> None:
        if node := self._nodes.get(instance.id):
            node.taken -= instance.hardware.gpus

    def _retaken(self, instance: Instance) -> None:
        if node := self._nodes.get(instance.id):
            node.taken += instance.hardware.gpus
