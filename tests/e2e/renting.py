"""Consumers of the deployed world who rent: each with a key of its own, on an offer of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from local.api import Api
from tests.e2e.deployed import Deployed, wait_for

RUNNING_WITHIN_S = 90.0
ENDED_WITHIN_S = 90.0
STRAY_GPU = "RTX 5090"  # left to machines that tests plant
LOCATION = slice(len("tensordock-"), len("tensordock-") + 36)
TERMINAL = ("stopped", "failed")

type Row = dict[str, Any]


@dataclass(frozen=True)
class Rental:
    """One session, and what its consumer holds."""

    caller: Api
    created: Row
    private_key: str | None = None
    watcher: Api | None = None
    """Who asks how it goes, if not its consumer: one who may ask more often."""

    @property
    def id(self) -> str:
        return str(self.created["id"])

    @property
    def path(self) -> str:
        return f"/api/v1/sessions/{self.id}"

    @property
    def offer_id(self) -> str:
        """The provider's own id of the offer, as the simulator's faults name it."""
        return provider_id(self.created["offer_id"])

    def now(self) -> Row:
        session: Row = (self.watcher or self.caller).get(self.path)
        return session

    def until(self, status: str, within_s: float = RUNNING_WITHIN_S) -> Row:
        """The session in this status; fails at once when it ended otherwise."""

        def reached() -> Row | None:
            session = self.now()
            if session["status"] in TERMINAL and session["status"] != status:
                pytest.fail(f"{session['status']} instead of {status}: {session}")
            return session if session["status"] == status else None

        found: Row = wait_for(reached, within_s)
        return found

    def done(self) -> Row:
        answer: Row = self.caller.post(f"{self.path}/done")
        return answer

    def end(self) -> Row:
        """DELETE, and wait for the proof."""
        self.caller.delete(self.path)
        return self.until("stopped", ENDED_WITHIN_S)


class Renting:
    """Hands out offers of machines that no other test uses, and rents them."""

    def __init__(self, live: Deployed, watcher: Api | None = None) -> None:
        self.live = live
        self._watcher = watcher
        self.rentals: list[Rental] = []
        self._lock = threading.Lock()
        # One after the other: of two at once, each would need a worker of its own to start.
        self._asking = threading.Lock()
        self._numbers = itertools.count(1)
        self._free = _offers_of_different_machines(live)
        self._locations = _offers_of_different_locations(live)

    def offer(self) -> Row:
        """An offer for one test alone."""
        with self._lock:
            return self._free.pop()

    def tensordock_offer(self) -> Row:
        """An offer of TensorDock, several GPUs, at a location for one test alone."""
        with self._lock:
            return self._locations.pop()

    def consumer(self) -> Api:
        """A consumer for one test alone."""
        with self._asking:
            return self.live.new_consumer(f"renter-{next(self._numbers)}")

    def rent(self, offer: Row | None = None, caller: Api | None = None, **more: Any) -> Rental:
        """A session that has just been answered 201."""
        caller = caller or self.consumer()
        body = wish(offer or self.offer(), **more)
        with self._asking:
            answer = caller.post("/api/v1/sessions", body)
        return self.follow(caller, answer["session"], answer.get("ssh_private_key"))

    def follow(self, caller: Api, created: Row, private_key: str | None = None) -> Rental:
        """Count a session that was created otherwise as one of this run's."""
        rental = Rental(caller, created, private_key, self._watcher)
        self.rentals.append(rental)
        return rental

    def running(self, **more: Any) -> tuple[Rental, Row]:
        """A rental, and its session once it runs."""
        rental = self.rent(**more)
        return rental, rental.until("running")


def _offers_of_different_machines(live: Deployed) -> list[Row]:
    offers = live.operator.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    by_machine = {offer["machine_id"]: offer for offer in reversed(offers)}
    return [offer for offer in by_machine.values() if offer["gpu_type"] != STRAY_GPU]


def _offers_of_different_locations(live: Deployed) -> list[Row]:
    query = {"provider": "tensordock", "min_gpu_count": 2, "limit": 1000}
    offers = live.operator.get("/api/v1/inventory", **query)["offers"]
    return list({offer["id"][LOCATION]: offer for offer in reversed(offers)}.values())


def wish(offer: Row, **more: Any) -> Row:
    """The smallest body that rents `offer`."""
    return {
        "offer_id": offer["id"],
        "workload_type": "ssh",
        "reservation_hours": 1,
        **more,
    }


def provider_id(offer_id: str) -> str:
    """`vastai-123` without its prefix."""
    return offer_id.removeprefix("vastai-")


def together[T](times: int, act: Callable[[int], T]) -> list[T]:
    """`act(0)`, `act(1)` … at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(times)

    def at_once(number: int) -> T:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(at_once, range(times)))


def another(caller: Api) -> Api:
    """The same caller with a connection of its own, for use in another thread."""
    twin = Api(caller.url)
    twin.http.headers.update(caller.http.headers)
    twin.http.hooks = caller.http.hooks
    return twin
