"""The world of a use case in tests: real store on moto, fake provider, probe, clock and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.core.inventory import Snapshot
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.repeats import KeyedRequest
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State
from gpu_shopper.core.templates import Template, Templates
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store import inventory as inventory_store
from gpu_shopper.store import sessions as session_store
from gpu_shopper.store import templates as templates_store
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.deps import Deps, Fact, OrphanTold, OrphanWish
from gpu_shopper.usecases.orphan_wishes import carry_out
from gpu_shopper.usecases.sessions import Created
from gpu_shopper.usecases.wishes import NewSession
from tests.aws import Standing, standing
from tests.builders import DEPLOYMENT, NOON, PUBLIC_KEY, a_session
from tests.fakes import (
    FakeApi,
    FakeChecks,
    FakeCipher,
    FakeHardStops,
    FakeMachines,
    FakeProvider,
)
from tests.metering import fitting
from tests.simulation.rows import rows_of
from tests.simulation.tables import MemoryTable
from tests.simulation.twins import Both, TwinTable
from tests.template.cfn import table_definitions

ALICE = Caller("alicekey", Role.CONSUMER, "alice")
BOB = Caller("bobkey00", Role.CONSUMER, "bob")
OPERATOR = Caller("operator", Role.OPERATOR, None)


@dataclass
class Clock:
    """An instant that only tests move."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class World:
    """Everything a test touches."""

    deps: Deps
    clock: Clock
    vast: FakeProvider
    machines: FakeMachines
    checks: FakeChecks
    hard_stops: FakeHardStops
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

    def create(
        self, caller: Caller = ALICE, request: KeyedRequest | None = None, **changes: Any
    ) -> Created:
        wanted = NewSession(
            consumer_id=caller.consumer_id or "alice",
            provider="vastai",
            offer_id="vastai-1001",
            workload_type="ssh",
            reservation_hours=2,
            ssh_public_key=PUBLIC_KEY,
        )
        return sessions.create(self.deps, caller, replace(wanted, **changes), request)

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
        return [fact.operation for fact in self.facts if fact.operation]


@contextmanager
def a_world(settings: Settings | None = None, moto_lags: bool = True) -> Iterator[World]:
    """A fresh world; tables are those of template.yaml, and moto has a say as in `Both`."""
    with standing() as amazon:
        yield _build(settings or Settings(), amazon, Both(moto_lags))


def _build(settings: Settings, amazon: Standing, both: Both) -> World:
    # Beside each table stands the simulation's, and their answers must be equal.
    definitions = table_definitions()
    rows = {name: rows_of(spec) for name, spec in definitions.items()}
    tables: dict[str, Any] = {
        name: TwinTable(amazon.tables[name], MemoryTable(rows[name], others=rows), both)
        for name in definitions
    }
    clock, vast, machines = Clock(), FakeProvider(), FakeMachines()
    checks, api, hard_stops = FakeChecks(), FakeApi(), FakeHardStops()
    facts: list[Fact] = []
    ids = iter(range(1, 10_000))

    def orphan_desk(wish: OrphanWish) -> OrphanTold:
        """The function that has the providers' keys, without a network between."""
        return carry_out(deps, wish)

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
        inventory=Storage(tables["InventoryTable"], amazon.bucket),
        prices=tables["PricesTable"],
        costs=tables["CostsTable"],
        snapshots=SnapshotCache(),
        templates=TemplatesCache(),
        provider=lambda _: vast,
        machines=machines,
        checks=checks,
        hard_stops=hard_stops,
        orphan_desk=orphan_desk,
        ask_api=api,
        cipher=FakeCipher(),
        repeat_cipher=FakeCipher("repeat"),
        origin=lambda: Origin(ActorType.STATE_MACHINE),
        note=fitting(facts.append),
    )
    hooks = tables["WebhooksTable"]
    return World(deps, clock, vast, machines, checks, hard_stops, api, facts, ids, hooks)
