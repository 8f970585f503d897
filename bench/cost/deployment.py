"""A deployment of the simulation whose functions are the real handlers, all of them metered."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from bench.cost.handlers import HANDLERS, SERVED, Wired, answered
from bench.cost.market import Market
from bench.cost.meter import Meter
from bench.cost.providers import ADAPTERS
from bench.cost.tables import MeteredTable, metered
from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.core.polling import SshTry
from gpu_shopper.edge import origins
from gpu_shopper.edge.http import Frame
from gpu_shopper.edge.logs import logger
from gpu_shopper.edge.telemetry import Telemetry
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact, StepResult
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.measuring import Meter as CallMeter
from gpu_shopper.usecases.pacing import Pacer
from tests.fakes import FakeCipher
from tests.simulation.buckets import MemoryBucket
from tests.simulation.deployment import SETTINGS, Deployment
from tests.simulation.executions import Done, Execution
from tests.simulation.ports import Ports
from tests.simulation.scheduler import SECOND
from tests.template.cfn import properties

STREAM_MS = 250
"""So long after a write Lambda hands on what is in the audit's stream by then."""

SSH_CPU_S = 0.01
"""What one login takes of a core: 4 to 23 ms were seen, against a server of paramiko's."""

KMS_MS = 10
SEALED_CHARS = 780
"""A private key of 400 characters as KMS gives it back, in base64."""

ACCESS_LOG_BYTES = 326
"""One line of the gateway's log, in the template's format."""


class MeteredPorts(Ports):
    """Calls are no computing of the function that makes them."""

    meter: Meter

    def call(self, operation: str, effect: Callable[[], Any], before_ms: int, after_ms: int) -> Any:
        """See `Ports`; of requests to the API no time passes, see `Watch`."""
        with self.meter.outside():
            if self.meter.waits_at_once(before_ms + after_ms):
                return effect()
            return super().call(operation, effect, before_ms, after_ms)


class MeteredCipher(FakeCipher):
    """KMS counts its requests."""

    def __init__(self, name: str, ports: MeteredPorts) -> None:
        super().__init__(name)
        self._ports = ports

    def _count(self) -> None:
        self._ports.meter.count("kms requests", "secrets of sessions")
        self._ports.call("kms", lambda: None, KMS_MS, 0)

    def seal(self, owner_id: str, plaintext: str) -> str:
        """See `Cipher`."""
        self._count()
        return super().seal(owner_id, plaintext).ljust(SEALED_CHARS, "=")

    def open(self, owner_id: str, sealed: str) -> str:
        """See `Cipher`."""
        self._count()
        return super().open(owner_id, sealed.rstrip("="))


class MeteredDeployment(Deployment):
    """Its functions are those of `functions/`, with their logs and metrics."""

    ports: MeteredPorts

    def __init__(
        self,
        deployment_id: str,
        providers: tuple[str, ...],
        ports: MeteredPorts,
        market: Market,
    ) -> None:
        self.meter = ports.meter
        self._market = market
        self._fresh: list[dict[str, Any]] = []
        super().__init__(deployment_id, 1, providers, ports)
        for rows in self.rows.values():
            self.meter.watch(rows)
        self.rows["AuditTable"].watches.append(self._streamed)

    def _wired(self) -> Deps:
        deps = super()._wired()
        tables: dict[str, Any] = {
            name: MeteredTable(rows, self.ports.store_call, self.rows, self.meter)
            for name, rows in self.rows.items()
        }
        self.tables = tables
        bucket: Any = MemoryBucket({}, metered(self.ports.store_call, "SnapshotBucket", self.meter))
        return replace(
            deps,
            sessions=tables["SessionsTable"],
            access=tables["AccessTable"],
            operations=tables["OperationsTable"],
            audit=tables["AuditTable"],
            inventory=Storage(tables["InventoryTable"], bucket),
            prices=tables["PricesTable"],
            costs=tables["CostsTable"],
            cipher=MeteredCipher("probe", self.ports),
            repeat_cipher=MeteredCipher("repeat", self.ports),
        )

    def wired(self, function: str) -> Wired:
        """What the wiring gives this function: all that it keeps between its runs."""
        telemetry = Telemetry(logger, self.id, self.ports.scheduler.now, self.meter.emitted)

        def note(fact: Fact) -> None:
            telemetry.note(fact)
            if fact.operation:
                self.watch.noted(fact)

        is_served = function in SERVED
        service = HANDLERS[function].replace("_", "-")
        deps = replace(
            self.deps,
            snapshots=SnapshotCache(),
            templates=TemplatesCache(),
            provider=partial(self._guarded, note),
            note=note,
            # Runs share contexts here, and a request is remembered by its context.
            origin=partial(origins.current, service) if is_served else lambda: _origin(service),
        )
        frame = Frame(logger, self._new_id, "", note, lambda: self.ports.scheduler.now_ms / 1_000)
        return Wired(deps, frame, self.tables["WebhooksTable"], self._published)

    def _new_pair(self, comment: str) -> KeyPair:
        """As long as a real one, and in its form; the private part is what the machine compares."""
        line = host_key_line(f"pair-{self._next()}") + f" {comment}"
        return KeyPair(line, line)

    def _guarded(self, note: Callable[[Fact], None], name: str) -> GuardedProvider:
        scheduler, operations = self.ports.scheduler, self.tables["OperationsTable"]

        def sleep(wait_s: float) -> None:
            with self.meter.outside():
                scheduler.sleep(round(wait_s * SECOND))

        pace = Pacer(name, operations, scheduler.now, sleep, SETTINGS)
        cloud = self.ports.clouds[name]
        adapter = ADAPTERS[name](
            cloud, self.id, self.ports, self.ports.faults, self.watch, pace, self._market
        )
        meter = CallMeter(name, note, lambda: scheduler.now_ms / 1_000)
        return GuardedProvider(
            adapter,
            operations,
            scheduler.now,
            SETTINGS,
            meter,
            lambda fact: audited(self.deps, [fact]),
        )

    def invoke(self, function: str, event: dict[str, Any], done: Done) -> None:
        """See `Deployment`; the whole handler runs."""
        name = " ".join([function, *map(str, event.values())])
        self.run(name, function, lambda: _told(answered(function, event)), done)

    def run(self, name: str, function: str, body: Callable[[], Any], done: Done) -> None:
        """See `Deployment`."""

        def metered_body() -> Any:
            now_ms, at_once = lambda: self.ports.scheduler.now_ms, function in SERVED
            with self.meter.invocation(function, now_ms, at_once=at_once):
                return body()

        super().run(name, function, metered_body, done)

    def request(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """The answer of a function behind the gateway."""
        name, answers = f"{event.get('httpMethod')} {event.get('path')}", list[Any]()
        self.run(name, function, lambda: answered(function, event), answers.append)
        answer: dict[str, Any] = answers[0]
        return answer

    def login(self, *given: Any) -> SshTry:
        """See `Probe`."""
        self.meter.compute(SSH_CPU_S)
        return super().login(*given)

    def _look_after(self, session_id: str) -> None:
        self.meter.count("scheduler invocations", "hard stops")
        super()._look_after(session_id)

    def _begin(self, execution: Execution) -> None:
        self.meter.count("xray traces", "executions")
        super()._begin(execution)

    def _streamed(self, _before: Any, after: Any) -> None:
        """The audit's stream: what is written within a moment is handed over together."""
        if after is None:
            return
        if not self._fresh:
            self.ports.scheduler.after(STREAM_MS, self._hand_over)
        self._fresh.append(dict(after))

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        serialize = TypeSerializer().serialize
        records = [
            {
                "dynamodb": {
                    "SequenceNumber": str(number),
                    "NewImage": {name: serialize(value) for name, value in item.items()},
                }
            }
            for number, item in enumerate(fresh)
        ]
        self.invoke("PublishEventsFunction", {"Records": records}, lambda _told: None)

    def _published(self, entries: list[dict[str, Any]]) -> None:
        """The bus has taken events; those that webhooks may want wait in a queue."""
        self.ports.call("put_events", lambda: None, 15, 0)
        for entry in entries:
            self.meter.count("events published", "audit")
            if entry["DetailType"] in detail_types("WebhooksRule"):
                self.ports.scheduler.after(STREAM_MS, partial(self._queued, entry))
            for rule in ("AlertsRule", "NoticesRule"):
                told = entry["DetailType"] in detail_types(rule)
                self.meter.count("sns requests", rule, int(told))

    def _queued(self, entry: dict[str, Any]) -> None:
        """The bus sends, Lambda receives and deletes."""
        self.meter.count("sqs requests", "events for webhooks", 3)
        message = f'{{"detail": {entry["Detail"]}}}'
        event = {"Records": [{"body": message}]}
        self.invoke("DeliverWebhooksFunction", event, lambda _told: None)


@cache
def detail_types(rule: str) -> frozenset[str]:
    """The events that a rule of the bus passes on."""
    return frozenset(properties(rule)["EventPattern"]["detail-type"])


def host_key_line(name: str) -> str:
    """A public key in OpenSSH's form, different for each name."""
    return f"ssh-ed25519 {base64.b64encode(name.encode().ljust(51)).decode()}"


def _origin(service: str) -> Origin:
    return Origin(origins._ACTORS.get(service, ActorType.STATE_MACHINE))


def _told(answer: Any) -> Any:
    """What a state machine reads of a step; whoever else asked reads nothing."""
    if isinstance(answer, dict) and "outcome" in answer:
        return StepResult(answer["outcome"], answer["wait_s"])
    return answer
