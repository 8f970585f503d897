"""The older API, as far as clients of v2 still need it: the balance, for a key pair in a form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from simulator.instances import MICRO
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.tensordock.provider import TensorDock


class Billing:
    """POST `/api/v0/billing/balance`; a GET with the pair in the query is answered as well."""

    def __init__(self, dock: TensorDock) -> None:
        self._dock = dock
        path = "/api/v0/billing/balance"
        self.routes = [
            Route("POST", path, "account", self._balance, needs_key=False),
            Route("GET", path, "account", self._balance, needs_key=False),
        ]

    def _balance(self, call: Call) -> Reply:
        given = parse_qs(call.raw.decode(errors="replace")) if call.method == "POST" else {}
        pair = {name: given.get(name, [call.query.get(name, "")])[0] for name in _PAIR}
        allowed = self._dock.world.knobs.keys(self._dock.name)
        if not all(pair.values()) or (allowed is not None and pair["api_token"] not in allowed):
            return json_reply({"success": False, "error": "Invalid API key or token"}, 401)
        alive = [i for i in self._dock.mine() if i.alive]
        hourly = sum(instance.price_micro for instance in alive) / MICRO
        balance = round(self._dock.credit_usd(), 6)
        return json_reply({"success": True, "balance": balance, "hourly_cost": hourly})


_PAIR = ("api_key", "api_token")
