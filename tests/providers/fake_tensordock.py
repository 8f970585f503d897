"""A TensorDock of a few lines, for the contract: it keeps instances and answers in real shapes."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.port import Provider
from tests.providers.stub import Answer, Network, Sent, Turns
from tests.providers.tensordock_shapes import (
    BAD_TOKEN,
    DONE,
    HTML_502,
    NO_NODES,
    NO_SUCH_INSTANCE,
    TIMED_OUT,
    dock,
    gpu_row,
    instance_row,
    lists,
    location,
    market,
)


class FakeDockRig:
    """See `contract.Rig`; `shape` is which of the three shapes its list of instances has."""

    def __init__(self, shape: int = 0) -> None:
        self.network = Network(self._answer)
        self.turns = Turns()
        self.provider: Provider = dock(self.network, turns=self.turns)
        self._shape = shape
        self._sold: set[str] = set()
        self._instances: dict[str, dict[str, Any]] = {}
        self._lost = self._failing = self._locked = False
        self._balance: float = 0.0

    def requests(self) -> int:
        return len(self.network.sent)

    def launch_calls(self) -> int:
        return sum(
            (one.method, one.path) == ("POST", "/api/v2/instances") for one in self.network.sent
        )

    def lose_launch_answers(self) -> None:
        self._lost = True

    def fail_listings(self) -> None:
        self._failing = True

    def sell_out(self, offer: Offer) -> None:
        self._sold.add(offer.gpu_name_raw)

    def show_status(self, instance_id: str, word: str) -> None:
        self._instances[instance_id]["status"] = word

    def refuse_key(self) -> None:
        self._locked = True

    def put_balance(self, usd: float) -> None:
        self._balance = usd

    def run_for_hours(self, instance_id: str) -> None:
        """TensorDock tells neither a bill nor logs."""

    def _answer(self, sent: Sent) -> Answer:
        if self._locked:
            return BAD_TOKEN
        if sent.host == "older.test":
            return Answer({"success": True, "balance": self._balance, "hourly_cost": 0.5})
        match (sent.method, sent.path.removeprefix("/api/v2/").split("/")):
            case ("GET", ["locations"]):
                return HTML_502 if self._failing else market(location(gpu_row(), _MANY))
            case ("POST", ["instances"]):
                return self._rent(sent.body["data"]["attributes"])
            case ("GET", ["instances"]):
                rows = self._instances.values()
                return HTML_502 if self._failing else lists(*rows)[self._shape]
            case ("GET", ["instances", instance_id]):
                row = self._instances.get(instance_id)
                return Answer(row) if row else NO_SUCH_INSTANCE
            case ("DELETE", ["instances", instance_id]):
                gone = self._instances.pop(instance_id, None) is None
                return NO_SUCH_INSTANCE if gone else DONE
        raise AssertionError(f"not a route of TensorDock: {sent.method} {sent.path}")

    def _rent(self, wanted: dict[str, Any]) -> Answer:
        if self._sold & set(wanted["resources"]["gpus"]):
            return NO_NODES
        own_id = f"9f8e7d6c-0000-4000-8000-{len(self._instances):012x}"
        self._instances[own_id] = instance_row(id=own_id, name=wanted["name"])
        if self._lost:
            raise TIMED_OUT
        row = self._instances[own_id]
        return Answer({"data": {key: row[key] for key in ("type", "id", "name", "status")}}, 201)


_MANY = gpu_row(v0Name="h100-sxm5-80gb", max_count=8, price_per_hr=2.25)
