"""The two sweeps in this process: reconcile with ten thousand machines, expiry with nothing due.

Each size of the reconcile pass gets an interpreter of its own, whose memory is told. Sessions come
as DynamoDB sends them, JSON of typed values, and are decoded as boto3 does; nothing waits, so CPU
time is measured.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.core.deadlines import due_at
from gpu_shopper.core.instances import Instance
from gpu_shopper.core.labels import Label
from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store import sessions as store
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases.deps import Deps, OrphanOutcome, OrphanTold
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.reconcile import reconcile
from tests.builders import DEPLOYMENT, NOON, a_session, an_instance
from tests.fakes import FakeApi, FakeChecks, FakeCipher, FakeHardStops, FakeMachines, FakeProvider
from tests.simulation.rows import rows_of
from tests.simulation.tables import MemoryTable
from tests.template.cfn import table_definitions

MACHINES = 10_000
GOAL_S, GOAL_MB, GOAL_RATIO = 20, 256, 2.2
ROUNDS = 5
LIVE = (100, 100_000)
"""Live sessions of which none is due."""

SETTINGS = Settings()


def session_number(number: int) -> Session:
    """A running session with a machine and an offer of its own."""
    session_id = f"00000000-0000-4000-8000-{number:012x}"
    attempt = replace(
        a_session().attempt,
        label=str(Label(DEPLOYMENT, session_id, 1)),
        offer_id=f"vastai-{number}",
        instance_id=str(number),
    )
    return a_session(id=session_id, attempts=(attempt,), consumer_id=f"consumer-{number % 97}")


class Tables:
    """The product's tables in memory, with every operation counted."""

    def __init__(self, sessions: int) -> None:
        self.asked: Counter[str] = Counter()
        definitions = table_definitions().items()
        self.rows = {name: rows_of(definition) for name, definition in definitions}
        loading = MemoryTable(self.rows["SessionsTable"])
        for number in range(1, sessions + 1):
            session = session_number(number)
            wanted: Any = loading
            store.create(wanted, session, due_at(session, SETTINGS) or NOON)
        self.tables: Any = {
            name: MemoryTable(rows, self._counted, self.rows) for name, rows in self.rows.items()
        }

    def _counted(self, operation: str, effect: Callable[[], Any]) -> Any:
        self.asked[operation] += 1
        return effect()


@dataclass(frozen=True, slots=True)
class _Wire:
    """What DynamoDB sends for each item of a table; decoded whenever it is read."""

    client: Any
    texts: dict[str, bytes]

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:
        ((name, request),) = asked["RequestItems"].items()
        deserialize = TypeDeserializer().deserialize
        items = [
            {key: deserialize(value) for key, value in json.loads(self.texts[each["pk"]]).items()}
            for each in request["Keys"]
        ]
        return {"Responses": {name: items}, "UnprocessedKeys": {}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def sent_over_a_wire(tables: Tables) -> None:
    """Let sessions come as DynamoDB sends them."""
    serialize = TypeSerializer().serialize
    rows = tables.rows["SessionsTable"].items
    texts = {
        pk: json.dumps({name: serialize(value) for name, value in part["SESSION"].items()}).encode()
        for pk, part in rows.items()
        if "SESSION" in part
    }
    meta = tables.tables["SessionsTable"].meta
    meta.client = _Wire(meta.client, texts)


def deps_with(tables: Tables, machines: list[Instance]) -> Deps:
    """A deployment whose provider shows these machines; an hour into its sessions."""
    provider = FakeProvider(instances={one.id: one for one in machines})
    found = tables.tables
    return Deps(
        settings=SETTINGS,
        deployment_id=DEPLOYMENT,
        release="release-1",
        enabled_providers=("vastai",),
        now=lambda: NOON + timedelta(minutes=10),
        new_id=lambda: "",
        new_secret=lambda: "",
        new_pair=lambda comment: KeyPair(comment, comment),
        sessions=found["SessionsTable"],
        access=found["AccessTable"],
        operations=found["OperationsTable"],
        audit=found["AuditTable"],
        inventory=Storage(found["InventoryTable"], found["InventoryTable"]),
        prices=found["PricesTable"],
        snapshots=SnapshotCache(),
        templates=TemplatesCache(),
        provider=lambda _name: provider,
        machines=FakeMachines(),
        checks=FakeChecks(),
        hard_stops=FakeHardStops(),
        orphan_desk=lambda _wish: OrphanTold(OrphanOutcome.NOT_FOUND),
        ask_api=FakeApi(),
        cipher=FakeCipher(),
        repeat_cipher=FakeCipher("repeat"),
        origin=lambda: Origin(ActorType.LIFECYCLE),
        note=lambda _fact: None,
    )


def one_pass(count: int) -> tuple[float, float]:
    """CPU seconds and megabytes that one pass over `count` sessions and machines takes."""
    tables = Tables(count)
    sent_over_a_wire(tables)
    machines = [
        an_instance(id=one.attempt.instance_id, label=one.attempt.label)
        for one in map(session_number, range(1, count + 1))
    ]
    deps = deps_with(tables, machines)
    gc.collect()
    gc.freeze()  # what stands for DynamoDB and the provider is none of the function's
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, began = _status_kb("VmRSS"), time.process_time()
    found = reconcile(deps, "vastai")
    took_s = time.process_time() - began
    if found.ours != count or found.orphans or found.ghosts or found.adopted:
        raise ValueError(f"{found} is not what was set up")
    return took_s, (_status_kb("VmHWM") - before) / 1_024


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def measured(*counts: int) -> list[tuple[float, float]]:
    """The same in interpreters of their own, in turns: the quickest pass, and the most memory."""
    rounds = [[_apart(count) for count in counts] for _ in range(ROUNDS)]
    return [
        (min(took_s for took_s, _ in passes), max(took_mb for _, took_mb in passes))
        for passes in zip(*rounds, strict=True)
    ]


def _apart(count: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.lifecycle", str(count)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), float(said[1])


def reads_of_a_sweep(live: int) -> Counter[str]:
    """What the expiry sweep asks its tables for while `live` sessions live and none is due."""
    tables = Tables(live)
    deps = deps_with(tables, [])
    if expire_sessions(deps).handled:
        raise ValueError("a session was due")
    return tables.asked


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    (once_s, once_mb), (twice_s, twice_mb) = measured(MACHINES, 2 * MACHINES)
    print("one reconcile pass, a session for every machine, each of which learns its price")
    print(f"  {MACHINES:,}: {once_s:.1f} s, {once_mb:.0f} MB (goal: {GOAL_S} s, {GOAL_MB} MB)")
    ratio = twice_s / once_s
    print(f"  {2 * MACHINES:,}: {twice_s:.1f} s, {twice_mb:.0f} MB", end="")
    print(f", {ratio:.2f} times as long (goal: {GOAL_RATIO})")
    asked = [reads_of_a_sweep(live) for live in LIVE]
    print("one expiry sweep with nothing due, calls of the store")
    for live, calls in zip(LIVE, asked, strict=True):
        print(f"  {live:,} live: {dict(calls)}")
    missed = once_s > GOAL_S or once_mb > GOAL_MB or ratio > GOAL_RATIO
    return int(missed or asked[0] != asked[1])


if __name__ == "__main__":
    print(*one_pass(int(sys.argv[1])))
