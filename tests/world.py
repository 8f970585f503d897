"""The world of a use case in tests: real store on moto, fake provider, probe, clock and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
from moto import mock_aws

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.core.diagnostics import Check
from gpu_shopper.core.instances import (
    Health,
    HostPort,
    Instance,
    Launched,
    LaunchRequest,
    SshAddress,
)
from gpu_shopper.core.inventory import Snapshot
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.polling import ApiTry, SshResult, SshTry
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State
from gpu_shopper.core.templates import Template, Templates
from gpu_shopper.errors import OfferGone, ProviderError
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store import inventory as inventory_store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store import templates as templates_store
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.sessions import Created
from gpu_shopper.usecases.wishes import NewSession
from tests.builders import ADDRESS, DEPLOYMENT, NOON, PUBLIC_KEY, a_session, a_template, an_offer
from tests.simulation.rows import rows_of
from tests.simulation.tables import MemoryTable
from tests.simulation.twins import TwinTable
from tests.template.cfn import table_definitions

# Moto forgets the default session between tests; one of our own keeps the service models loaded.
SESSION = boto3.Session("testing", "testing", region_name="eu-west-1")
ALICE = Caller("alicekey", Role.CONSUMER, "alice")
BOB = Caller("bobkey00", Role.CONSUMER, "bob")
OPERATOR = Caller("operator", Role.OPERATOR, None)
MAPPED_HOST = "203.0.113.7"
OTHER_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SPOKE = (SshResult.READY, SshResult.AUTH_FAILED, SshResult.COMMAND_FAILED)
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9mYJYNsbv5vxlCqCEVZgiuvD0sWYPuXzN8mw2DVM5c"


@dataclass
class Clock:
    """An instant that only tests move."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


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


class FakeCipher:
    """Ties a text to its owner, as the encryption context does."""

    def seal(self, owner_id: str, plaintext: str) -> str:
        return f"sealed:{owner_id}:{plaintext}"

    def open(self, owner_id: str, sealed: str) -> str:
        prefix = f"sealed:{owner_id}:"
        if not sealed.startswith(prefix):
            raise ValueError("sealed for another")
        return sealed.removeprefix(prefix)


@dataclass
class FakeProbe:
    """Answers with the results given, the last one for ever."""

    results: list[SshResult] = field(default_factory=lambda: [SshResult.READY])
    host_key: str | None = HOST_KEY
    tries: int = 0
    answers: dict[Check, str | None] = field(default_factory=dict)

    def __call__(
        self, address: SshAddress, private_pem: str, pinned: str | None, settings: Settings
    ) -> SshTry:
        self.tries += 1
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if result is SshResult.HOST_KEY_CHANGED:
            return SshTry(result, OTHER_HOST_KEY)
        shown = (pinned or self.host_key) if result in SPOKE else None
        return SshTry(result, shown, self.answers if result is SshResult.READY else {})


@dataclass
class World:
    """Everything a test touches."""

    deps: Deps
    clock: Clock
    vast: FakeProvider
    machines: FakeMachines
    checks: FakeChecks
    api: FakeApi
    facts: list[Fact]
    ids: Iterator[int]
    webhooks: Any = None

    def session(self, session_id: str) -> Session:
        return session_store.get(self.deps.sessions, session_id)

    def publish(self, offers: list[Offer] | None = None) -> None:
        """Make `offers` (default: the provider's) the newest snapshot, fetched now."""
        found = self.vast.offers if offers is None else offers
        snapshot = Snapshot(
            provider=next((offer.provider for offer in found), "vastai"),
            generation=f"g{next(self.ids)}",
            fetched_at=self.clock.at,
            offers={offer.id: offer for offer in found},
        )
        inventory_store.publish(self.deps.inventory, snapshot)

    def publish_templates(self, *templates: Template) -> None:
        """Make these (default: the provider's) the templates fetched last, now."""
        found = Templates(
            provider="vastai",
            generation=f"t{next(self.ids)}",
            fetched_at=self.clock.at,
            all=templates or tuple(self.vast.templates),
        )
        templates_store.publish(self.deps.inventory, found)

    def create(self, caller: Caller = ALICE, **changes: Any) -> Created:
        wanted = NewSession(
            consumer_id=caller.consumer_id or "alice",
            provider="vastai",
            offer_id="vastai-1001",
            workload_type="ssh",
            reservation_hours=2,
            ssh_public_key=PUBLIC_KEY,
        )
        return sessions.create(self.deps, caller, replace(wanted, **changes))

    def create_without_offer(self, number: int) -> Session:
        """A pending session of alice's on an offer of its own."""
        base = a_session(state=State.PENDING, version=1)
        session_id = self.deps.new_id()
        attempts = (replace(base.attempt, offer_id=f"vastai-{number}"),)
        at = self.clock.at
        session = replace(
            base,
            id=session_id,
            attempts=attempts,
            created_at=at,
            updated_at=at,
            state_entered_at=at,
        )
        session_store.create(self.deps.sessions, session, session.expires_at)
        return session

    def operations(self) -> list[str]:
        return [fact.operation for fact in self.facts]


@contextmanager
def a_world(settings: Settings | None = None) -> Iterator[World]:
    """A fresh world; tables are those of template.yaml."""
    with mock_aws():
        yield _build(settings or Settings())


def _build(settings: Settings) -> World:
    dynamodb = SESSION.resource("dynamodb")
    # Beside each table stands the simulation's, and their answers must be equal.
    definitions = table_definitions()
    rows = {name: rows_of(spec) for name, spec in definitions.items()}
    tables: dict[str, Any] = {
        name: TwinTable(dynamodb.create_table(**spec), MemoryTable(rows[name], others=rows))
        for name, spec in definitions.items()
    }
    bucket = SESSION.resource("s3", region_name="us-east-1").create_bucket(Bucket="snapshots")
    clock, vast, machines = Clock(), FakeProvider(), FakeMachines()
    checks, api = FakeChecks(), FakeApi()
    facts: list[Fact] = []
    ids = iter(range(1, 10_000))
    deps = Deps(
        settings=settings,
        deployment_id=DEPLOYMENT,
        release="release-1",
        enabled_providers=("vastai",),
        now=clock,
        new_id=lambda: f"00000000-0000-4000-8000-{next(ids):012x}",
        new_secret=lambda: f"{next(ids):043d}",
        new_pair=lambda comment: KeyPair(f"private {comment}", f"ssh-ed25519 AAAA {comment}"),
        sessions=tables["SessionsTable"],
        access=tables["AccessTable"],
        operations=tables["OperationsTable"],
        audit=tables["AuditTable"],
        inventory=Storage(tables["InventoryTable"], bucket),
        prices=tables["PricesTable"],
        snapshots=SnapshotCache(),
        templates=TemplatesCache(),
        provider=lambda _: vast,
        machines=machines,
        checks=checks,
        ask_api=api,
        cipher=FakeCipher(),
        origin=lambda: Origin(ActorType.STATE_MACHINE),
        note=facts.append,
    )
    hooks = tables["WebhooksTable"]
    return World(deps, clock, vast, machines, checks, api, facts, ids, hooks)
