"""The life of rented machines: accepted, booting, running, ended, and the odd resurrection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncssh

from simulator.clock import Clock
from simulator.faults.rules import Occasion, RuleBook
from simulator.instances import MICRO, Fate, Hardware, Inside, InstalledKey, Instance, Span
from simulator.ssh.endpoint import SshEndpoint

FIRST_ID = 1000
Hook = Callable[[Instance], None]


@dataclass(frozen=True)
class Birth:
    """What is needed to make a machine.

    `boot`: (seconds after the step before, status); `ssh_user` None: no SSH server inside;
    `host_key`: the one that its start-up commands install.
    """

    provider: str
    label: str | None
    offer_id: str
    hardware: Hardware
    request: dict[str, Any]
    price_micro: int
    disk_gb: float
    boot: tuple[tuple[float, str], ...]
    ssh_user: str | None = "root"
    host_key: asyncssh.SSHKey | None = None
    image: str = ""


class _View:
    """What sessions on a machine see of it."""

    def __init__(self, instance: Instance, clock: Clock) -> None:
        self._instance = instance
        self._clock = clock

    @property
    def hostname(self) -> str:
        return f"C.{self._instance.id}"

    @property
    def hardware(self) -> Hardware:
        return self._instance.hardware

    @property
    def inside(self) -> Inside:
        return self._instance.inside

    @property
    def files(self) -> dict[str, bytes]:
        return self._instance.files

    def usable_keys(self) -> list[str]:
        return self._instance.usable_keys(self._clock.now_s())

    def now_s(self) -> float:
        return self._clock.now_s()

    def uptime_s(self) -> float:
        return self._clock.now_s() - (self._instance.started_s or self._clock.now_s())


class Fleet:
    """Every machine there ever was since the last reset."""

    def __init__(self, clock: Clock, rules: RuleBook) -> None:
        self._clock = clock
        self._rules = rules
        self._released: dict[str, tuple[Hook, Hook]] = {}
        self.clear()

    def clear(self) -> None:
        """End everything, also open connections; ids start again."""
        for instance in self.everything():
            if instance.ssh:
                instance.ssh.close()
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
            fate=fate or Fate(),
            image=birth.image,
            spans=[Span(now_s, birth.price_micro)],
        )
        self._instances[instance.id] = instance
        if birth.ssh_user is not None:
            self._open_door(instance, birth.ssh_user, birth.host_key)
        self._boot(instance, birth.boot)
        return instance

    def add_key(self, instance: Instance, line: str, delay_s: float | None) -> InstalledKey:
        """Put a public key on a machine; it works after `delay_s`, or never for None."""
        now_s = self._clock.now_s()
        usable_s = None if delay_s is None else now_s + delay_s
        key = InstalledKey(next(self._key_ids), line.strip(), usable_s, now_s)
        instance.keys.append(key)
        return key

    def later(self, instance: Instance, delay_s: float, act: Callable[[], None]) -> None:
        """Do something to a machine later, unless it is reset before."""
        instance.timers.append(self._clock.later(delay_s, act))

    def show_status(self, instance: Instance, status: str | None) -> None:
        """The machine enters a status; SSH is open exactly while it is `running`."""
        if not instance.alive:
            return
        instance.status = status
        if status == "running":
            self._raise_price(instance)
            instance.started_s = instance.started_s or self._clock.now_s()
            if instance.ssh:
                instance.ssh.open()
        elif instance.ssh and instance.ssh.is_open:
            self._new_door(instance)

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
        if instance.ssh:
            instance.ssh.close()
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
        if instance.ssh:
            self._open_door(instance, instance.ssh.user, instance.ssh.host_key)
        self.show_status(instance, "running")

    def _open_door(
        self, instance: Instance, user: str, host_key: asyncssh.SSHKey | None = None
    ) -> None:
        view = _View(instance, self._clock)
        instance.ssh = SshEndpoint(view, user, lambda: self._ssh_mode(instance), host_key)

    def _new_door(self, instance: Instance) -> None:
        """Stop listening but keep the host key: the next start opens another port."""
        old = instance.ssh
        if old is None:
            return
        old.close()
        self._open_door(instance, old.user, old.host_key)

    def _ssh_mode(self, instance: Instance) -> dict[str, Any] | None:
        fired = self._rules.consult(
            Occasion(
                provider=instance.provider,
                operation="ssh",
                label=instance.label,
                offer_id=instance.offer_id,
                instance_id=str(instance.id),
                gpu_type=instance.hardware.gpu_name,
            )
        )
        mode = fired[0].params if fired else _next_mode(instance)
        if mode and mode["mode"] == "host_key_change":
            return self._changed_host_key(instance, mode)
        return mode

    def _changed_host_key(self, instance: Instance, mode: dict[str, Any]) -> dict[str, Any] | None:
        up_s = self._clock.now_s() - (instance.started_s or 0.0)
        return {"mode": "wrong_host_key"} if up_s >= float(mode.get("after_s") or 0) else None

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
        self.show_status(instance, "created")

    def _cancel(self, instance: Instance) -> None:
        for timer in [*instance.timers, instance.boot_timer]:
            if timer is not None:
                timer.cancel()
        instance.timers.clear()

    def _hook(self, instance: Instance, which: int) -> None:
        hooks = self._released.get(instance.provider)
        if hooks:
            hooks[which](instance)


def _next_mode(instance: Instance) -> dict[str, Any] | None:
    """The machine's own SSH fault; one with a count is used up by connections."""
    mode = instance.ssh_mode
    if mode and "count" in mode:
        mode["count"] -= 1
        if mode["count"] <= 0:
            instance.ssh_mode = None
    return mode


def micro(dollars: float) -> int:
    """Dollars as micro-dollars."""
    return round(dollars * MICRO)
