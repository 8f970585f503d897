"""Stand-ins at the ports: provider, machine, state machines, cipher; all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gpu_shopper.core.diagnostics import Check
from gpu_shopper.core.instances import (
    Health,
    HostPort,
    Instance,
    Launched,
    LaunchRequest,
    SshAddress,
)
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.polling import ApiTry, SshResult, SshTry
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.templates import Template
from gpu_shopper.errors.provider import OfferGone, ProviderError
from gpu_shopper.usecases.deps import Machine
from tests.builders import ADDRESS, a_template, an_offer

MAPPED_HOST = "203.0.113.7"
OTHER_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SPOKE = (SshResult.READY, SshResult.AUTH_FAILED, SshResult.COMMAND_FAILED)
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9mYJYNsbv5vxlCqCEVZgiuvD0sWYPuXzN8mw2DVM5c"


@dataclass
class FakeProvider:
    """A provider in memory; `errors` holds what the next calls of a method raise.

    `launch_does` decides what a launch does besides answering: rent, or raise after renting.
    """

    name: str = "vastai"
    offers: list[Offer] = field(default_factory=lambda: [an_offer()])
    instances: dict[str, Instance] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    errors: dict[str, list[ProviderError | None]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    rents_despite_error: bool = False
    ignores_terminate: bool = False
    address: SshAddress | None = ADDRESS
    price: int | None = None
    next_id: int = 5001
    keys: dict[str, set[str]] = field(default_factory=dict)
    key_errors: list[str | None] = field(default_factory=list)
    keys_take_ms: int = 0
    left: int | None = 100_000_000
    requests: list[LaunchRequest] = field(default_factory=list)
    templates: list[Template] = field(default_factory=lambda: [a_template()])

    def list_offers(self) -> list[Offer]:
        self._call("list_offers", "")
        return list(self.offers)

    def list_templates(self) -> list[Template]:
        self._call("list_templates", "")
        return list(self.templates)

    def launch(self, request: LaunchRequest) -> Launched:
        self.calls.append(("launch", request.label))
        self.requests.append(request)
        error = self._next_error("launch")
        if error is None or self.rents_despite_error:
            instance = self._rent(request)
        if error is not None:
            raise error
        return Launched(
            instance_id=instance.id,
            price_microusd_per_hour=self.price,
            key_error=self.attach_ssh_keys(instance.id, request.ssh_public_keys),
            age_ms=self.keys_take_ms,
        )

    def _rent(self, request: LaunchRequest) -> Instance:
        if request.offer not in self.offers:
            raise OfferGone("no_such_ask")
        instance = Instance(
            id=str(self.next_id),
            provider=self.name,
            label=request.label,
            health=Health.UP,
            status="running",
            ssh=self.address,
            port_map={one: HostPort(MAPPED_HOST, 40_000 + one) for one in request.exposed_ports},
            price_microusd_per_hour=self.price,
        )
        self.next_id += 1
        self.instances[instance.id] = instance
        return instance

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        error = self.key_errors.pop(0) if self.key_errors else None
        if error is None:
            self.keys.setdefault(instance_id, set()).update(keys)
        return error

    def find(self, instance_id: str) -> Instance | None:
        self._call("find", instance_id)
        return self.instances.get(instance_id)

    def list_instances(self) -> list[Instance]:
        self._call("list_instances", "")
        return [one for key, one in self.instances.items() if key not in self.unlisted]

    def terminate(self, instance_id: str) -> None:
        self._call("terminate", instance_id)
        if not self.ignores_terminate:
            self.instances.pop(instance_id, None)

    def balance(self) -> int | None:
        self._call("balance", "")
        return self.left

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)

    def _call(self, method: str, what: str) -> None:
        self.calls.append((method, what))
        error = self._next_error(method)
        if error is not None:
            raise error

    def _next_error(self, method: str) -> ProviderError | None:
        if method in self.before:
            self.before.pop(method)()
        queue = self.errors.get(method) or []
        if not queue:
            return None
        return queue.pop(0) if len(queue) > 1 else queue[0]


@dataclass
class FakeMachines:
    """Remembers which executions were started; the names are those of the real ones."""

    started: list[tuple[Machine, str, int, int]] = field(default_factory=list)

    def start(self, machine: Machine, session_id: str, attempt: int, restarts: int) -> None:
        call = (machine, session_id, attempt, restarts)
        if call not in self.started:
            self.started.append(call)

    def names(self) -> list[str]:
        return [f"{machine.value}-r{restarts}" for machine, _, _, restarts in self.started]


@dataclass
class FakeApi:
    """Answers with the statuses or failures given, the last one for ever."""

    results: list[int | SshResult] = field(default_factory=lambda: [200])
    asked: list[tuple[HostPort, str]] = field(default_factory=list)

    def __call__(self, target: HostPort, path: str, settings: Settings) -> ApiTry:
        self.asked.append((target, path))
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, SshResult):
            return ApiTry(failure=result)
        return ApiTry(status=result)


@dataclass
class FakeChecks:
    """Remembers which checks were begun."""

    begun: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, session_id: str, attempt: int) -> None:
        self.begun.append((session_id, attempt))


@dataclass
class FakeHardStops:
    """Remembers which timers are set; `broken` is what setting one raises."""

    timers: set[tuple[str, datetime]] = field(default_factory=set)
    broken: Exception | None = None

    def set(self, session_id: str, at: datetime) -> None:
        if self.broken is not None:
            raise self.broken
        self.timers.add((session_id, at))

    def clear(self, session_id: str, at: datetime) -> None:
        self.timers.discard((session_id, at))


class FakeCipher:
    """Ties a text to its key and session, as KMS does, and hides it."""

    def __init__(self, key: str = "probe") -> None:
        self._key = key

    def seal(self, owner_id: str, plaintext: str) -> str:
        return f"sealed:{self._key}:{owner_id}:{plaintext.encode().hex()}"

    def open(self, owner_id: str, sealed: str) -> str:
        prefix = f"sealed:{self._key}:{owner_id}:"
        if not sealed.startswith(prefix):
            raise ValueError("sealed with another key, or for another session")
        return bytes.fromhex(sealed.removeprefix(prefix)).decode()


@dataclass
class FakeProbe:
    """Answers with the results given, the last one for ever."""

    results: list[SshResult] = field(default_factory=lambda: [SshResult.READY])
    host_key: str | None = HOST_KEY
    tries: int = 0
    answers: dict[Check, str | None] = field(default_factory=dict)

    def __call__(
        self,
        address: SshAddress,
        open_key: Callable[[], str],
        pinned: str | None,
        settings: Settings,
    ) -> SshTry:
        self.tries += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if result is SshResult.HOST_KEY_CHANGED:
            return SshTry(result, OTHER_HOST_KEY)
        if result in (*SPOKE, SshResult.KEY_PARSE_FAILED):
            open_key()
        shown = (pinned or self.host_key) if result in SPOKE else None
        return SshTry(result, shown, self.answers if result is SshResult.READY else {})
