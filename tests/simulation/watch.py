"""What must hold at the moment of each write, each request to end a machine, each fact."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Any, NoReturn

from botocore.exceptions import ClientError

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import ROWS, TERMINAL, State
from gpu_shopper.errors import RequestError, ShopperError
from gpu_shopper.usecases.deps import Fact
from tests.simulation.endings import check_ended
from tests.simulation.excuses import SWEEPS, excused_ms
from tests.simulation.limits import check_launch, check_running
from tests.simulation.patience import check_patience
from tests.simulation.scheduler import MINUTE, Run, Violation
from tests.simulation.seen import HOLDING, Seen

if TYPE_CHECKING:
    from tests.simulation.cloud import Cloud
    from tests.simulation.deployment import Deployment
    from tests.simulation.machine import Machine
    from tests.simulation.ports import Ports

type Item = dict[str, Any]

_TERMINAL = frozenset(state.value for state in TERMINAL)
_MOVES = frozenset((s.value, t.value) for row in ROWS for s in row.sources for t in row.targets)
_FINAL = ("end_reason", "stopping_at", "created_at", "hard_max_at", "consumer_id")
"""Attributes that are written once."""

_EXPECTED = (ClientError, ShopperError)
_EXPECTED_NAMES = frozenset({"ClientError", "ConditionalCheckFailedException", "Conflict"})
_ONCE = frozenset(
    {"session_destroyed", "session_running", "session_stopping", "attempt_started", "drain_started"}
)
"""Facts that are told at most once per session and attempt."""


UNRECORDED_MS = 2 * MINUTE + 20_000


class Watch:
    """Sees all that one deployment does."""

    def __init__(self, deployment: Deployment, ports: Ports) -> None:
        self._deployment = deployment
        self._ports = ports
        self.sessions: dict[str, Seen] = {}
        self.machines: dict[str, list[Machine]] = {}
        self.losses: list[tuple[int, str]] = []
        self._told: set[tuple[Any, ...]] = set()
        self._holders: dict[tuple[str, str], str] = {}
        self._launched: set[str] = set()
        self.orphans: dict[str, Machine] = {}
        self._listings_ms: dict[Run, int] = {}
        self._shown_keys: dict[str, str | None] = {}

    @property
    def now_ms(self) -> int:
        """The instant."""
        return self._ports.scheduler.now_ms

    def lost(self, what: str) -> None:
        """A function, an execution, a start or a sweep of ours did not do its work."""
        self.losses.append((self.now_ms, what))

    def failed(self, run: str, error: Exception, loss: str) -> None:
        """A function raised: it may do so when the store fails or a race is lost."""
        if not isinstance(error, RequestError):
            self.lost(loss)
        if not isinstance(error, _EXPECTED):
            raise Violation(f"I0 {run} raised {error!r}") from error

    def noted(self, fact: Fact) -> None:
        """A fact was told; the great ones are told once."""
        if fact.operation == "sweep_item_failed" and fact.reason not in _EXPECTED_NAMES:
            raise Violation(f"I0 a sweep could not handle {fact.session_id}: {fact.reason}")
        if fact.operation in _ONCE:
            key = (fact.operation, fact.session_id, fact.attempt)
            if key in self._told:
                raise Violation(f"N-29 {fact.operation} of {fact.session_id} was told twice")
            self._told.add(key)

    def launching(self, request: LaunchRequest) -> None:
        """X-27: a launch is sent once, and again only after a refusal; what it may cost."""
        if request.label in self._launched:
            raise Violation(f"X-27 the launch of {request.label} is sent twice")
        self._launched.add(request.label)
        label = owned(request.label, self._deployment.id)
        assert label is not None, f"{request.label} is no label of ours"
        seen = self.sessions[label.session_id]
        if seen.attempt["label"] == request.label:
            check_launch(seen, request)

    def launch_refused(self, label: str) -> None:
        """Nothing was rented: it may be sent again."""
        self._launched.discard(label)

    def logged_in(self, machine: Machine, tried: SshTry) -> None:
        """Somebody tried to log in; the key of the last machine that let us in is remembered."""
        if tried.result is SshResult.READY:
            self._shown_keys[machine.id] = tried.host_key

    def listed(self) -> None:
        """Somebody has asked for all machines; the reconciler does it once a pass."""
        run = self._ports.scheduler.run_now
        if run is not None and " Reconcile " in run.name:
            self._listings_ms[run] = self.now_ms

    def died(self, run: Run) -> None:
        """What a pass saw that did not live to write it counts for nothing."""
        self._listings_ms.pop(run, None)

    @property
    def listings_ms(self) -> Iterable[int]:
        """When passes of the reconciler had asked for all machines."""
        return self._listings_ms.values()

    def machine_rented(self, machine: Machine, label: Label) -> None:
        """A machine of this deployment exists from now on."""
        self.machines.setdefault(label.session_id, []).append(machine)

    def session_written(self, before: Item | None, after: Item | None) -> None:
        """A row of the sessions table was written."""
        item = after or before
        assert item is not None
        if item["sk"] != "SESSION":
            return
        if after is None:
            raise Violation(f"{item['pk']} was removed")
        if before is None:
            self._created(after)
        else:
            self._changed(before, after)
        self._check(after, before["state"] if before else "")

    def _created(self, item: Item) -> None:
        if (item["state"], item["version"]) != (State.PENDING.value, 1):
            raise Violation(f"I10 {item['id']} begins as {item['state']}")
        self.sessions[item["id"]] = Seen(item, self.now_ms, self.now_ms)
        self._hold(item)

    def _changed(self, before: Item, after: Item) -> None:
        seen = self.sessions[after["id"]]
        old, new = before["state"], after["state"]
        if old in _TERMINAL:
            self.broken("I10", after, f"was written after its end ({old})")
        if after["version"] != before["version"] + 1:
            self.broken(
                "I10", after, f"went from version {before['version']} to {after['version']}"
            )
        if old != new and (old, new) not in _MOVES:
            self.broken("I10", after, f"went from {old} to {new}")
        for name in _FINAL:
            if name in before and before[name] != after.get(name):
                self.broken("I10", after, f"changed {name} to {after.get(name)}")
        self._remember(seen, before, after)
        self._hold(after)

    def _remember(self, seen: Seen, before: Item, after: Item) -> None:
        old, new = before["state"], after["state"]
        attempt = after["attempts"][-1]
        self._ports.tell(
            lambda: (
                f"  session {after['id']} is {new}, version {after['version']},"
                f" attempt {attempt['number']} {attempt['launch']} {attempt.get('instance_id', '')}"
            )
        )
        if old != new:
            check_patience(self._ports.plan, self._deployment, seen, self.now_ms)
            seen.entered_ms = self.now_ms
        seen.item = after
        if not seen.holds and seen.stop_ms is None:
            seen.stop_ms = self.now_ms
        if new in _TERMINAL:
            seen.ended_ms = self.now_ms
        if new == State.RUNNING.value != old:
            if before["attempts"][-1]["outcome"] == Outcome.FAILED.value:
                self.broken("I4", after, "runs with an attempt that has failed")
            machine = self._machine_of(after, attempt["instance_id"])
            check_running(after, machine, self._shown_keys.get(machine.id))
        was, now = before["attempts"][-1], after["attempts"][-1]
        if now["outcome"] == Outcome.FAILED.value:
            seen.replaced_ms.setdefault(int(now["number"]), self.now_ms)
        if was["number"] != now["number"]:
            seen.replaced_ms.setdefault(int(was["number"]), self.now_ms)
        elif "instance_id" in was and was["instance_id"] != now.get("instance_id"):
            self.broken("X-11", after, "forgot a machine's id")
        if "instance_id" in now and now["instance_id"] not in seen.known_ms:
            seen.known_ms[now["instance_id"]] = self.now_ms
            self._check_recorded(after, now["instance_id"])

    def _check_recorded(self, item: Item, instance_id: str) -> None:
        """M-50: no machine runs unrecorded for more than two minutes, and the sweep's own time."""
        machine = self._machine_of(item, instance_id)
        late_ms = self.now_ms - machine.created_ms - UNRECORDED_MS
        plan, born_ms = self._ports.plan, machine.created_ms
        if late_ms > 0 and late_ms > excused_ms(
            plan, self._deployment, machine, born_ms, self.now_ms, SWEEPS
        ):
            self.broken("M-50", item, f"learnt of machine {instance_id} {late_ms / 1000} s late")

    def _machine_of(self, item: Item, instance_id: str) -> Machine:
        (machine,) = (one for one in self.machines[item["id"]] if one.id == instance_id)
        return machine

    def _hold(self, item: Item) -> None:
        """I9: one live session for one consumer and offer."""
        for held, holder in list(self._holders.items()):
            if holder == item["id"]:
                del self._holders[held]
        if item["state"] in HOLDING:
            key = (item["consumer_id"], item["attempts"][-1]["offer_id"])
            if key in self._holders:
                self.broken("I9", item, f"shares {key} with {self._holders[key]}")
            self._holders[key] = item["id"]

    def _check(self, item: Item, was: str) -> None:
        if item["reservation_hours"] > item["hard_max_hours"]:
            self.broken("I8", item, "is reserved beyond its hard max")
        if len(item["attempts"]) > 1 + item["wish"]["max_retries"]:
            self.broken("N-16", item, f"has {len(item['attempts'])} attempts")
        if max(item["expires_at"], item.get("drain_until", "")) > item["hard_max_at"]:
            self.broken("I8", item, "expires, or drains, after its hard max")
        is_live = item["state"] not in _TERMINAL
        if is_live != ("due_at" in item):
            self.broken("I6", item, f"is {item['state']} and due at {item.get('due_at')}")
        if item.get("end_reason") == "expired" and item["stopping_at"] >= item["hard_max_at"]:
            self.broken("I8", item, "reached its hard max and only expired")
        if not is_live:
            check_ended(self, item, was)

    def terminating(self, cloud: Cloud, deployment_id: str, instance_id: str) -> None:
        """I3: only machines of ours are ended, and only those that no live session wants."""
        machine = cloud.machines.get(instance_id)
        if machine is None or not machine.is_alive(self.now_ms):
            return
        label = owned(machine.label, deployment_id)
        if label is None:
            raise Violation(f"I3 {deployment_id} ends machine {instance_id} of {machine.label}")
        self._count_orphan(machine)
        seen = self.sessions.get(label.session_id)
        if seen is None or not seen.holds:
            return
        current = seen.attempt
        wanted = (
            current["number"] == label.attempt
            and current["outcome"] != Outcome.FAILED.value
            and current.get("instance_id") in (None, instance_id)
        )
        if wanted:
            self.broken("I3", seen.item, f"is {seen.state}, and its machine {instance_id} is ended")

    def _count_orphan(self, machine: Machine) -> None:
        """N-24: one pass of the reconciler ends five machines, or a fifth of ours."""
        run = self._ports.scheduler.run_now
        if run is None or " Reconcile " not in run.name:
            return
        run.ended += 1
        self.orphans[machine.id] = machine
        alive = sum(one.is_alive(self.now_ms) for some in self.machines.values() for one in some)
        if run.ended > max(5, ceil(alive / 5)):
            raise Violation(f"N-24 {run.name} ended {run.ended} machines")

    def broken(self, rule: str, item: Item, text: str) -> NoReturn:
        """Raises Violation, in words."""
        raise Violation(f"{rule} session {item['id']} {text}")
