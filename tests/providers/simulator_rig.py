"""The adapter over the running provider simulator: real HTTP, faults by its control endpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from gpu_shopper.core.offers import Offer
from gpu_shopper.core.pacing import Pace
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.http import HttpClient, Reply
from gpu_shopper.providers.port import Provider
from gpu_shopper.providers.tensordock import TensorDock
from gpu_shopper.providers.tensordock import replies as tensordock_replies
from gpu_shopper.providers.tensordock.billing import Billing
from gpu_shopper.providers.vastai import VastAi
from gpu_shopper.providers.vastai import replies as vastai_replies
from tests.providers.stub import Turns


@contextmanager
def simulator(offers: int = 60) -> Iterator[str]:
    """A simulator of its own on a free loopback port, ended with the block; gives its URL."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--offers", str(offers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


@dataclass(frozen=True)
class Played:
    """One of the simulator's providers: its name, where it is, and its adapter."""

    name: str
    path: str
    adapter: Callable[[HttpClient, str, Pace], Provider]
    refusal: Callable[[Reply], ProviderError | None]
    listings: tuple[str, ...]


VASTAI = Played(
    "vastai",
    "",
    lambda http, _base, _pace: VastAi(http, listing_limit_s=60),
    vastai_replies.refusal,
    ("search", "list"),
)
TENSORDOCK = Played(
    "tensordock",
    "/tensordock",
    lambda http, base, pace: TensorDock(http, create_timeout_s=5, billing=_billing(base, pace)),
    tensordock_replies.refusal,
    ("locations", "list"),
)


class SimulatorRig:
    """See `contract.Rig`."""

    def __init__(self, url: str, played: Played = VASTAI) -> None:
        self.url = url
        self.played = played
        self.control("POST", "/reset", {})
        self.control("POST", "/config", {"destroy_s": 0, "logs_delay_s": 0})
        self.turns = Turns()
        self.provider: Provider = adapter(url, played, self.turns)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of a control endpoint."""
        reply = requests.request(method, f"{self.url}/_test{path}", json=body, timeout=10)
        reply.raise_for_status()
        return reply.json()

    def fault(self, action: str, *operations: str, **more: Any) -> None:
        """`action` for every later request of these operations."""
        for operation in operations:
            rule = {"provider": self.played.name, "operation": operation, "action": action, **more}
            self.control("POST", "/faults", rule)

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation that arrived."""
        entries = self.control("GET", "/requests")["requests"]
        return [entry for entry in entries if entry["operation"] == operation]

    def requests(self) -> int:
        return len(self.control("GET", "/requests")["requests"])

    def launch_calls(self) -> int:
        return len(self.calls("create"))

    def lose_launch_answers(self) -> None:
        self.fault("lost_response", "create")

    def fail_listings(self) -> None:
        self.fault("status", *self.played.listings, code=502)

    def sell_out(self, offer: Offer) -> None:
        taken = {offer.provider_id: {"rentable": False}}
        self.control("POST", "/offers", {"provider": self.played.name, "set": taken})

    def show_status(self, instance_id: str, word: str) -> None:
        self.fault("status_word", "get", "list", word=word)

    def put_balance(self, usd: float) -> None:
        self.control("POST", "/config", {"balance_usd": usd})

    def run_for_hours(self, instance_id: str) -> None:
        self.control("POST", "/clock", {"advance_s": 36_000})

    def refuse_key(self) -> None:
        self.control("POST", "/config", {"require_key": {self.played.name: ["another-key"]}})


def adapter(url: str, played: Played, pace: Pace) -> Provider:
    """The adapter as built in production, but it does not pause between tries."""
    http = HttpClient(
        base_url=url + played.path,
        credentials=lambda _fresh: "any-key-will-do",
        pace=pace,
        refusal=played.refusal,
        connect_timeout_s=2,
        read_timeout_s=5,
        wait=lambda _s: None,
    )
    return played.adapter(http, url + played.path, pace)


def _billing(base: str, pace: Pace) -> Billing:
    access = Access(
        base_url=base,
        credentials=lambda _fresh: "any-key-will-do",
        pace=pace,
        billing_url=base,
        field=lambda _name: "any-pair-will-do",
    )
    return Billing.over(access, Settings())
