"""One deployment's adapter to a simulated provider: the port's promises kept, everything else not.

The adapter of a real provider maps its answers to these errors; `tests/providers` checks that.
Here time passes in calls, answers are lost, and whole hours go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.errors.provider import (
    BadProviderReply,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
)
from tests.simulation.cloud import Cloud
from tests.simulation.scheduler import SECOND

READ_TIMEOUT_MS = 30 * SECOND
RENTED_MS, LAUNCH_MS = 300, 1_200
"""From the beginning of a launch call to its effect, and to its answer."""

REFUSALS: tuple[Callable[[], ProviderError], ...] = (
    lambda: OfferGone("gone"),
    lambda: NoCapacity("none left"),
    lambda: LaunchRejected("no"),
    lambda: ProviderAuth("who are you"),
    lambda: RateLimited("slowly", retry_after_s=7),
    lambda: RateLimited("slowly"),
)
REFUSED = (OfferGone, NoCapacity, LaunchRejected, ProviderAuth, RateLimited)
DOUBTS: tuple[Callable[[], ProviderError], ...] = (
    lambda: LaunchUncertain("no answer"),
    lambda: LaunchUncertain("502"),
    lambda: ProviderUnavailable("no connection"),
)
FAILURES: tuple[Callable[[], ProviderError], ...] = (
    lambda: ProviderUnavailable("500"),
    lambda: BadProviderReply("null"),
    lambda: BadProviderReply("half a page"),
    lambda: RateLimited("slowly"),
    lambda: RateLimited("slowly", retry_after_s=30),
    lambda: ProviderAuth("who are you"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call: whether it takes effect, what is answered, how late."""

    error: ProviderError | None = None
    takes_effect: bool = False
    rents: bool = False
    effect_later_ms: int | None = None
    twice: bool = False
    told: int = 1  # 0: of two machines the answer names the second
    wait_ms: int = 0

    @property
    def names_one(self) -> bool:
        """Whether the answer of a launch names a machine."""
        return self.error is None or self.rents


class Faults(Protocol):
    """Decides what goes wrong."""

    def of_call(self, provider: str, method: str) -> Fault | None:
        """The fault of this call, None for a good one."""
        ...


class Port(Protocol):
    """Carries a call out, with time and crashes around it."""

    def call(
        self, operation: str, effect: Callable[[], Any], before_ms: int, after_ms: int
    ) -> Any: ...


class SimulatedProvider:
    """The five methods."""

    def __init__(
        self, cloud: Cloud, deployment_id: str, port: Port, faults: Faults, watch: Watch
    ) -> None:
        self.name = cloud.name
        self._cloud = cloud
        self._deployment_id = deployment_id
        self._port = port
        self._faults = faults
        self._watch = watch

    def list_offers(self) -> list[Offer]:
        """See `Provider`."""
        offers: list[Offer] = self._ask("list_offers", "", self._cloud.market)
        return offers

    def find(self, instance_id: str) -> Instance | None:
        """See `Provider`."""
        found: Instance | None = self._ask(
            "find", instance_id, lambda: self._cloud.lookup(instance_id)
        )
        return found

    def list_instances(self) -> list[Instance]:
        """See `Provider`."""
        try:
            listed: list[Instance] = self._ask("list_instances", "", self._cloud.listing)
        finally:
            self._watch.listed()
        return listed

    def terminate(self, instance_id: str) -> None:
        """See `Provider`."""

        def effect() -> None:
            self._watch.terminating(self._cloud, self._deployment_id, instance_id)
            self._cloud.end(instance_id)

        self._ask("terminate", instance_id, effect)

    def launch(self, request: LaunchRequest) -> Launched:
        """See `Provider`."""
        fault = self._faults.of_call(self.name, "launch") or Fault(takes_effect=True)
        machines: list[str] = []

        def rent_late() -> None:
            self._cloud.rent(request, is_told=False, is_late=True)

        def effect() -> None:
            self._watch.launching(request)
            if fault.takes_effect:
                is_told = fault.names_one and not (fault.twice and fault.told == 0)
                rented = self._cloud.rent(request, is_told=is_told, is_late=fault.twice)
                machines.append(rented.id)
            if fault.twice:
                is_told = fault.names_one and fault.told == 0
                twin = self._cloud.rent(request, is_told=is_told, is_late=True)
                machines.insert(fault.told, twin.id)
            if fault.effect_later_ms is not None:
                self._cloud.scheduler.after(fault.effect_later_ms, rent_late)

        after_ms = LAUNCH_MS - RENTED_MS + fault.wait_ms
        self._port.call(f"{self.name}.launch {request.label}", effect, RENTED_MS, after_ms)
        if fault.error is None:
            machine = self._cloud.machines[machines[0]]
            return Launched(
                instance_id=machine.id, price_microusd_per_hour=machine.price_microusd_per_hour
            )
        if fault.rents:
            raise RentedDespiteError("something failed", instance_id=machines[0])
        if isinstance(fault.error, REFUSED):
            self._watch.launch_refused(request.label)
        raise fault.error

    def _ask(self, method: str, what: str, effect: Callable[[], Any]) -> Any:
        fault = self._faults.of_call(self.name, method)
        operation = f"{self.name}.{method} {what}".strip()
        if fault is None:
            return self._port.call(operation, effect, 150, 250)
        carried_out = effect if fault.takes_effect else _nothing
        self._port.call(operation, carried_out, 150, 250 + fault.wait_ms)
        assert fault.error is not None
        raise fault.error


def _nothing() -> None:
    return None


class KeyAttachingProvider(SimulatedProvider):
    """A provider that also puts keys on machines that are already there."""

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        """See `AttachesKeys`."""
        wanted = set(keys)
        try:
            self._ask("attach", instance_id, lambda: self._cloud.attach(instance_id, wanted))
        except ProviderError as exc:
            return exc.code
        return None


class Watch(Protocol):
    """Sees every launch and every request to end a machine at the moment it takes effect."""

    def launching(self, request: LaunchRequest) -> None:
        """Raises Violation when that must not be."""
        ...

    def launch_refused(self, label: str) -> None:
        """That launch rented nothing."""
        ...

    def listed(self) -> None:
        """All machines were asked for, and shown or not."""
        ...

    def terminating(self, cloud: Cloud, deployment_id: str, instance_id: str) -> None:
        """Raises Violation when that must not be."""
        ...
