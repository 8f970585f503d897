"""The life of rented machines: accepted, booting, running, ended, and the odd resurrection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from simulator.clock import Clock
from simulator.doors import Doors
from simulator.faults.rules import RuleBook
from simulator.instances import MICRO, Fate, Hardware, InstalledKey, Instance, Span, Words

FIRST_ID = 1000
Hook = Callable[[Instance], None]


@dataclass(frozen=True)
class Birth:
    """What is needed to make a machine.

    `status` at once, then `boot`: (seconds after the step before, status); its address is told
    after `address_delay_s`. No `ssh_users`: no SSH server inside; `host_key`: the one that its
    start-up commands install. `ports`: TCP ports to map; with `serves_http` the image answers.
    """

    provider: str
    label: str | None
    offer_id: str
    hardware: Hardware
    request: dict[str, Any]
    price_micro: int
    disk_gb: float
    boot: tuple[tuple[float, str], ...]
    status: str | None = None
    address_delay_s: float = 0.0
    words: Words = field(default_factory=Words)
    ssh_users: tuple[str, ...] = ("root",)
    host_key: asyncssh.SSHKey | None = None
    image: str = ""
    ports: tuple[int, ...] = ()
    serves_http: bool = False


class Fleet:
    """Every machine there ever was since the last reset."""

    def __init__(self, clock: Clock, rules: RuleBook) -> None:
        self._clock = clock
        self._doors = Doors(clock, rules)
        self._released: dict[str, tuple[Hook, Hook]] = {}
        self.clear()

    def clear(self) -> None:
        """End everything, also open connections; ids start again."""
        for instance in self.everything():
            self._doors.shut(instance)
        self._instances: dict[int, Instance] = {}
        self._ids = itertools.count(FIRST_ID)
        self._key_ids = itertools.count(500)

    def hooks(self, provider: str, *, released: Hook, retaken: Hook) -> None:
        """Tell a provider when the offer behind one of its machines is free or taken again."""
        self._released[provider] = (released, retaken)

    def everything(self) -> Iterator[Instance]:
        """All machines in order of creation, ended ones too."""
        yield from getattr(self, "_instances", {}).values()

    def get(self, instance_id: str | int, provider: str | None = None) -> Instance | None:
        """The machine with that id, of that provider if given."""
        try:
            instance = self._instances.get(int(instance_id))
        except ValueError:
            return None
        wrong = instance is not None and provider not in (None, instance.provider)
        return None if wrong else instance

    def create(self, birth: Birth, fate: Fate | None = None) -> Instance:
        """Accept a machine: it exists and costs from now on, and boots by its plan."""
        now_s = self._clock.now_s()
        instance = Instance(
            id=next(self._ids),
            provider=birth.provider,
            label=birth.label,
            offer_id=birth.offer_id,
            hardware=birth.hardware,
            request=birth.request,
            created_s=now_s,
            disk_gb=birth.disk_gb,
            status=birth.status,
            words=birth.words,
            address_s=now_s + birth.address_delay_s,
            fate=fate or Fate(),
            image=birth.image,
            serves_http=birth.serves_http,
            spans=[Span(now_s, birth.price_micro)],
        )
        self._instances[instance.id] = instance
        for port in birth.ports:
            self._doors.add_port(instance, port)
        if birth.ssh_users:
            self._doors.add_ssh(instance, birth.ssh_users, birth.host_key)
        self._boot(instance, birth.boot)
        return instance

    def add_key(
        self, instance: Instance, line: str, delay_s: float | None, user: str | None = None
    ) -> InstalledKey:
        """Put a public key on a machine; it works after `delay_s`, or never for None."""
        now_s = self._clock.now_s()
        usable_s = None if delay_s is None else now_s + delay_s
        key = InstalledKey(next(self._key_ids), line.strip(), usable_s, now_s, user)
        instance.keys.append(key)
        return key

    def later(self, instance: Instance, delay_s: float, act: Callable[[], None]) -> None:
        """Do something to a machine later, unless it is reset before."""
        instance.timers.append(self._clock.later(delay_s, act))

    def show_status(self, instance: Instance, status: str | None) -> None:
        """The machine enters a status; SSH is open exactly while it is `running`."""
        if not instance.alive:
            return
        was_running, instance.status = instance.status == "running", status
        if status == "running":
            self._raise_price(instance)
            instance.started_s = instance.started_s or self._clock.now_s()
            self._doors.open(instance)
        elif was_running:
            self._doors.renew(instance)

    def _raise_price(self, instance: Instance) -> None:
        factor, instance.fate.price_factor = instance.fate.price_factor, None
        if factor is not None:
            instance.reprice(self._clock.now_s(), round(instance.price_micro * factor))

    def die(self, instance: Instance, word: str) -> None:
        """It stops by itself and shows `word`; it stays listed and costs until destroyed."""
        if instance.boot_timer:
            instance.boot_timer.cancel()
        instance.wanted = "stopped"
        self.show_status(instance, word)

    def destroy(self, instance: Instance, by: str, after_s: float) -> None:
        """A destroy was accepted; the machine is really gone after `after_s`."""
        now_s = self._clock.now_s()
        instance.destroy_asked_s = instance.destroy_asked_s or now_s
        if after_s <= 0:
            self.end(instance, by)
        else:
            self.later(instance, after_s, lambda: self.end(instance, by))

    def end(self, instance: Instance, by: str) -> None:
        """It is gone now: no cost, no SSH, its offer free again."""
        if not instance.alive:
            return
        self._cancel(instance)
        instance.ended_s, instance.ended_by = self._clock.now_s(), by
        instance.stop_billing(instance.ended_s)
        self._doors.shut(instance)
        self._hook(instance, 0)
        if instance.fate.resurrect_after_s is not None:
            delay_s, instance.fate.resurrect_after_s = instance.fate.resurrect_after_s, None
            self.later(instance, delay_s, lambda: self.resurrect(instance))

    def resurrect(self, instance: Instance) -> None:
        """A gone machine is alive again under its id, running and costing."""
        if instance.alive:
            return
        instance.spans.append(Span(self._clock.now_s(), instance.price_micro))
        instance.ended_s = instance.ended_by = instance.destroy_asked_s = None
        self._hook(instance, 1)
        self._doors.renew(instance)
        self.show_status(instance, "running")

    def _boot(self, instance: Instance, plan: tuple[tuple[float, str], ...]) -> None:
        if not plan:
            return
        (delay_s, status), rest = plan[0], plan[1:]
        step = self._clock.later(delay_s, lambda: self._step(instance, status, rest))
        instance.boot_timer = step

    def _step(self, instance: Instance, status: str, rest: tuple[tuple[float, str], ...]) -> None:
        if instance.fate.create_error is not None:
            self._fail(instance)
        elif not (instance.fate.stuck and status == "running"):
            self.show_status(instance, status)
            self._boot(instance, rest)

    def _fail(self, instance: Instance) -> None:
        instance.status_msg = instance.fate.create_error
        self.show_status(instance, instance.words.failed)

    def _cancel(self, instance: Instance) -> None:
        for timer in [*instance.timers, instance.boot_timer]:
            if timer is not None:
                timer.cancel()
        instance.timers.clear()

    def _hook(self, instance: Instance, which: int) -> None:
        hooks = self._released.get(instance.provider)
        if hooks:
            hooks[which](instance)


def micro(dollars: float) -> int:
    """Dollars as micro-dollars."""
    return round(dollars * MICRO)
