"""One deployment of the product: its tables, its executions, its function runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, cast

from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.core.instances import HostPort, SshAddress
from gpu_shopper.core.polling import ApiTry, SshTry
from gpu_shopper.core.settings import Settings
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.orphan_wishes import carry_out
from tests.fakes import FakeCipher
from tests.metering import silent
from tests.simulation.agents import AgentWatch
from tests.simulation.audits import Audits
from tests.simulation.buckets import MemoryBucket
from tests.simulation.budgets import Accounts
from tests.simulation.executions import HANDED_OVER_MS, MACHINES, Done, Execution, Failure
from tests.simulation.functions import FUNCTIONS, HEARTBEATS, timeout_ms
from tests.simulation.ports import Ports
from tests.simulation.provider import KeyAttachingProvider, SimulatedProvider
from tests.simulation.rows import Rows, rows_of
from tests.simulation.scheduler import Killed, Run, carried_out
from tests.simulation.tables import MemoryTable
from tests.simulation.timers import Timers
from tests.simulation.watch import Watch
from tests.template.cfn import table_definitions

ADAPTERS: dict[str, type[SimulatedProvider]] = {
    "vastai": KeyAttachingProvider,
    "tensordock": SimulatedProvider,
}
SETTINGS = Settings()
ORIGIN = Origin(ActorType.LIFECYCLE)


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    return table_definitions()


def _loss_of(function: str) -> str:
    """A heartbeat that is lost delays nothing, so it excuses nothing."""
    return "heartbeat" if function == HEARTBEATS else "function"


class Deployment:
    """Everything with one deployment id."""

    def __init__(
        self, deployment_id: str, number: int, providers: tuple[str, ...], ports: Ports
    ) -> None:
        self.id = deployment_id
        self.ports = ports
        self.providers = providers
        self.executions: dict[str, Execution] = {}
        self.running: dict[Execution, None] = {}
        self.rows: dict[str, Rows] = {name: rows_of(one) for name, one in _definitions().items()}
        self.watch = Watch(self, ports)
        self.audits = Audits()
        self.accounts = Accounts(self)
        self.rows["SessionsTable"].watches += [
            self.watch.session_written,
            AgentWatch(self).written,
            self.audits.session_written,
            self.accounts.session_written,
        ]
        self.rows["CostsTable"].watches.append(self.accounts.cost_written)
        self.rows["AuditTable"].watches.append(self.audits.event_written)
        self._number = number
        self._ids = 0
        self.deps = self._wired()

    def _wired(self) -> Deps:
        tables: dict[str, Any] = {
            name: MemoryTable(rows, self.ports.store_call, self.rows)
            for name, rows in self.rows.items()
        }
        bucket: Any = MemoryBucket({}, self.ports.store_call)
        scheduler = self.ports.scheduler
        guarded = {
            name: GuardedProvider(
                self._adapter(name),
                tables["OperationsTable"],
                scheduler.now,
                SETTINGS,
                silent(name),
                lambda fact: audited(self.deps, [fact]),
            )
            for name in self.providers
        }
        return Deps(
            settings=SETTINGS,
            deployment_id=self.id,
            release="1",
            enabled_providers=self.providers,
            now=scheduler.now,
            new_id=self._new_id,
            new_secret=lambda: f"{self._next():043d}",
            new_pair=self._new_pair,
            sessions=tables["SessionsTable"],
            access=tables["AccessTable"],
            operations=tables["OperationsTable"],
            audit=tables["AuditTable"],
            inventory=Storage(tables["InventoryTable"], bucket),
            prices=tables["PricesTable"],
            costs=tables["CostsTable"],
            snapshots=SnapshotCache(),
            templates=TemplatesCache(),
            provider=guarded.__getitem__,
            machines=self,
            checks=self,
            hard_stops=Timers(self.ports, self._look_after),
            orphan_desk=lambda wish: carry_out(self.deps, wish),
            ask_api=self._ask_api,
            cipher=FakeCipher(),
            repeat_cipher=FakeCipher("repeat"),
            origin=lambda: ORIGIN,
            note=self._note,
        )

    def _adapter(self, name: str) -> SimulatedProvider:
        cloud = self.ports.clouds[name]
        return ADAPTERS[name](cloud, self.id, self.ports, self.ports.faults, self.watch)

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _new_id(self) -> str:
        return f"0000000{self._number}-0000-4000-8000-{self._next():012x}"

    def _new_pair(self, comment: str) -> KeyPair:
        """The private part is the public line itself: the machine only compares."""
        line = f"ssh-ed25519 key-{self._number}-{self._next()} {comment}"
        return KeyPair(line, line)

    def _note(self, fact: Fact) -> None:
        if not fact.operation:
            return
        self.ports.call(f"note {fact.operation}", lambda: self.watch.noted(fact), 0, 0)

    def deploy(self) -> None:
        """The next release: what functions keep in memory is lost."""
        release = str(int(self.deps.release) + 1)
        self.deps = replace(
            self.deps, release=release, snapshots=SnapshotCache(), templates=TemplatesCache()
        )

    def start(self, machine: Machine, session_id: str, attempt: int, restarts: int) -> None:
        """See `Machines`; the names are those of the real ones."""
        name = f"{session_id}-{machine.value}-{attempt}" + (f"-r{restarts}" if restarts else "")

        def effect() -> None:
            if name in self.executions:
                return
            if self.ports.faults.happens(self.ports.faults.odds.start_lost):
                self.watch.lost("start of an execution")
                return
            data = {"session_id": session_id, "attempt": attempt}
            self._begin(self._execution(machine, name, data))

        self.ports.call(f"start {name}", effect, 5, 10)

    def begin(self, session_id: str, attempt: int) -> None:
        """See `Checks`: a function is run without waiting for it."""
        event = {"step": "check", "session_id": session_id, "attempt": attempt}

        def effect() -> None:
            self.ports.scheduler.after(
                HANDED_OVER_MS,
                lambda: self.invoke("VerifySshFunction", event, lambda _told: None),
            )

        self.ports.call(f"begin a check of {session_id}", effect, 5, 10)

    def _look_after(self, session_id: str) -> None:
        """See `HardStops`: the function of a session's timer is run."""
        event = {"session_id": session_id}
        self.invoke("HardStopFunction", event, lambda _told: None)

    def _ask_api(self, target: HostPort, path: str, settings: Settings) -> ApiTry:
        """See `AskApi`."""
        scheduler = self.ports.scheduler

        def effect() -> ApiTry:
            return self.ports.machine_at(target.port).answer(scheduler.now_ms)

        return cast(ApiTry, self.ports.call(f"GET {target.host}:{target.port}", effect, 50, 300))

    def _execution(self, machine: Machine, name: str, data: dict[str, Any]) -> Execution:
        return Execution(
            machine=MACHINES[machine],
            name=name,
            data=data,
            scheduler=self.ports.scheduler,
            faults=self.ports.faults,
            invoke=self.invoke,
            on_end=self._ended,
            round_begins=self._round_begins,
            round_ends=self._round_ended,
        )

    def _begin(self, execution: Execution) -> None:
        self.executions[execution.name] = execution
        self.running[execution] = None
        execution.begin()

    def _ended(self, execution: Execution, status: str) -> None:
        del self.running[execution]
        if status != "SUCCEEDED":
            self.watch.lost("execution")
        self.ports.tell(lambda: f"execution {execution.name} {status}")

    def _round_begins(self, begun: Execution) -> None:
        self.running[begun] = None

    def _round_ended(self, ended: Execution, status: str) -> None:
        """One that is lost is not counted: so is, then, the execution that waits for it."""
        del self.running[ended]
        self.ports.tell(lambda: f"round of {ended.name} {status}")

    def restart(self) -> None:
        """Every execution and every run of a function dies at once."""
        for execution in list(self.running):
            execution.kill()
        self.ports.kill_runs(self.id)

    def invoke(self, function: str, event: dict[str, Any], done: Done) -> None:
        """Run a function now, and tell what came of it."""
        name = " ".join([function.removesuffix("Function"), *map(str, event.values())])
        body = FUNCTIONS[function]
        self.run(name, function, lambda: body(self.deps, self.login, event), done)

    def run(self, name: str, function: str, body: Callable[[], Any], done: Done) -> None:
        """Run `body` as one invocation of `function`."""
        scheduler = self.ports.scheduler
        run = Run(f"{self.id} {name}", scheduler.now_ms + timeout_ms(function))
        self.ports.runs[run] = self.id
        self.ports.tell(lambda: f"{run.name}: begins")
        try:
            told: Any = carried_out(scheduler, run, body)
        except Killed:
            if scheduler.is_stopping:
                raise
            self.watch.lost(_loss_of(function))
            self.watch.died(run)
            told = Failure("Lambda.Unknown")
        except Exception as exc:  # noqa: BLE001  (as the runtime does)
            told = Failure(type(exc).__name__, exc)
            self.watch.failed(run.name, exc, _loss_of(function))
            self.watch.died(run)
        finally:
            del self.ports.runs[run]
        self.ports.tell(lambda: f"{run.name}: {told}")
        done(told)

    def login(
        self, address: SshAddress, private_pem: str, pinned: str | None, settings: Settings
    ) -> SshTry:
        """See `Probe`."""
        scheduler = self.ports.scheduler

        def effect() -> SshTry:
            machine = self.ports.machine_at(address.port)
            tried = machine.login(address, private_pem, pinned, scheduler.now_ms)
            self.watch.logged_in(machine, tried)
            return tried

        tried = self.ports.call(f"ssh {address.host}:{address.port}", effect, 50, 300)
        return cast(SshTry, tried)
