"""Simulated providers as the network shows them: pages, and lines of calls to wait in."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from bench.cost.market import Market
from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.pacing import Pace, Turn
from gpu_shopper.core.templates import Template
from tests.builders import a_template
from tests.simulation.cloud import Cloud
from tests.simulation.faults import RandomFaults
from tests.simulation.ports import Ports
from tests.simulation.provider import KeyAttachingProvider, SimulatedProvider
from tests.simulation.watch import Watch

PAGE_INSTANCES = 25
TEMPLATES = 60
PAGE_MS = 400
"""How long one page of a search takes; the simulation's calls take as long."""

_ENDPOINTS = {
    "find": ("find", Turn.USUAL),
    "list_instances": ("list", Turn.USUAL),
    "terminate": ("destroy", Turn.TERMINATE),
    "attach": ("attach", Turn.USUAL),
    "list_offers": ("search", Turn.REFRESH),
}


class Tensordock(SimulatedProvider):
    """Every call waits in one line."""

    line: str | None = "any"

    def __init__(
        self,
        cloud: Cloud,
        deployment_id: str,
        ports: Ports,
        faults: RandomFaults,
        watch: Watch,
        pace: Pace,
        market: Market,
    ) -> None:
        super().__init__(cloud, deployment_id, ports, faults, watch)
        self.ports = ports
        self.market = market
        self._pace = pace

    def _ask(self, method: str, what: str, effect: Callable[[], Any]) -> Any:
        endpoint, turn = _ENDPOINTS[method]
        self._pace(self.line or endpoint, turn)
        return super()._ask(method, what, effect)

    def launch(self, request: LaunchRequest) -> Launched:
        """See `Provider`."""
        self._pace(self.line or "create", Turn.LAUNCH)
        return super().launch(request)

    def balance(self) -> int | None:
        """See `TellsBalance`."""
        self.ports.call(f"{self.name}.balance", lambda: None, PAGE_MS, 0)
        return 100_000_000


class Vastai(Tensordock, KeyAttachingProvider):
    """A line for each endpoint, a market of pages, listings of pages."""

    line = None

    def list_offers(self) -> list[Offer]:
        """See `Provider`: as the adapter reads them."""
        return self.market.read(lambda: self.ports.call("a page", lambda: None, PAGE_MS, 0))

    def list_instances(self) -> list[Instance]:
        """See `Provider`."""
        found = super().list_instances()
        for _ in range(1, ceil(len(found) / PAGE_INSTANCES)):
            self._ask("list_instances", "", lambda: None)
        return found

    def list_templates(self) -> list[Template]:
        """See `ListsTemplates`."""
        self._pace("templates", Turn.REFRESH)
        self.ports.call("templates", lambda: None, PAGE_MS, 0)
        return [a_template(hash_id=f"{number:032x}") for number in range(TEMPLATES)]


ADAPTERS = {"vastai": Vastai, "tensordock": Tensordock}
