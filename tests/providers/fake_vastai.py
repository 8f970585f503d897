"""A Vast.ai of a few lines, for the contract: it keeps instances and answers in real shapes."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.port import Provider
from tests.providers.stub import Answer, Network, Sent, Turns
from tests.providers.vastai_shapes import (
    BAD_KEY,
    DONE,
    HTML_502,
    LOGS,
    STALE,
    TIMED_OUT,
    WRITTEN,
    bill,
    charge_row,
    error,
    instance_row,
    offer_row,
    page,
    vast,
)


class FakeVastRig:
    """See `contract.Rig`."""

    def __init__(self) -> None:
        self.network = Network(self._answer)
        self.turns = Turns()
        self.provider: Provider = vast(self.network, turns=self.turns)
        self._offers = {row["id"]: row for row in map(_market_row, range(3))}
        self._instances: dict[str, dict[str, Any]] = {}
        self._bill: list[dict[str, Any]] = []
        self._lost = self._failing = self._locked = False
        self._credit: float = 0.0

    def requests(self) -> int:
        return len(self.network.sent)

    def launch_calls(self) -> int:
        return sum(one.method == "PUT" for one in self.network.sent)

    def lose_launch_answers(self) -> None:
        self._lost = True

    def fail_listings(self) -> None:
        self._failing = True

    def sell_out(self, offer: Offer) -> None:
        del self._offers[int(offer.provider_id)]

    def show_status(self, instance_id: str, word: str) -> None:
        self._instances[instance_id]["actual_status"] = word

    def refuse_key(self) -> None:
        self._locked = True

    def put_balance(self, usd: float) -> None:
        self._credit = usd

    def run_for_hours(self, instance_id: str) -> None:
        label = self._instances[instance_id]["label"]
        self._bill.append(charge_row(source=f"instance-{instance_id}", metadata={"label": label}))

    def _answer(self, sent: Sent) -> Answer:
        if sent.host != "vast.test":
            return Answer(WRITTEN, 403 if "Authorization" in sent.headers else 200)
        if self._locked:
            return BAD_KEY
        parts = sent.path.strip("/").split("/")
        match (sent.method, parts[1:]):
            case ("POST", ["v0", "bundles"]):
                return HTML_502 if self._failing else Answer({"offers": [*self._offers.values()]})
            case ("PUT", ["v0", "asks", ask_id]):
                return self._rent(int(ask_id), sent.body)
            case ("GET", ["v1", "instances"]):
                return HTML_502 if self._failing else page([*self._instances.values()])
            case ("GET", ["v0", "instances", instance_id]):
                return Answer({"instances": self._instances.get(instance_id)})
            case ("DELETE", ["v0", "instances", instance_id]):
                gone = self._instances.pop(instance_id, None) is None
                return error("no_such_instance", status=404) if gone else DONE
            case ("POST", ["v0", "instances", _, "ssh"]):
                return DONE
            case ("GET", ["v0", "users", "current"]):
                return Answer({"id": 1, "credit": self._credit, "balance": -3.5})
            case ("GET", ["v0", "charges"]):
                return bill(self._bill)
            case ("PUT", ["v0", "instances", "request_logs", instance_id]):
                known = instance_id in self._instances
                return LOGS if known else error("no_such_instance", status=404)
        raise AssertionError(f"not a route of Vast.ai: {sent.method} {sent.path}")

    def _rent(self, ask_id: int, body: dict[str, Any]) -> Answer:
        if ask_id not in self._offers:
            return STALE
        row = instance_row(id=33_402_296 + len(self._instances), label=body["label"])
        self._instances[str(row["id"])] = row
        if self._lost:
            raise TIMED_OUT
        return Answer({"success": True, "new_contract": row["id"]})


def _market_row(number: int) -> dict[str, Any]:
    return offer_row(id=20_000_001 + number, dph_base=0.4 + number / 10)
