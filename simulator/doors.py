"""The network side of a machine: its SSH server and mapped ports, and the faults they obey."""

from __future__ import annotations

from typing import Any

import asyncssh

from simulator.clock import Clock
from simulator.entrypoint import HttpEndpoint
from simulator.faults.rules import Occasion, RuleBook
from simulator.instances import Hardware, Inside, Instance
from simulator.ssh.endpoint import SshEndpoint

Params = dict[str, Any]


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

    def usable_keys(self, user: str) -> list[str]:
        return self._instance.usable_keys(self._clock.now_s(), user)

    def now_s(self) -> float:
        return self._clock.now_s()

    def uptime_s(self) -> float:
        return self._clock.now_s() - (self._instance.started_s or self._clock.now_s())


class Doors:
    """Builds, opens and shuts the ports of machines."""

    def __init__(self, clock: Clock, rules: RuleBook) -> None:
        self._clock = clock
        self._rules = rules

    def add_ssh(
        self, instance: Instance, users: tuple[str, ...], host_key: asyncssh.SSHKey | None
    ) -> None:
        """Bind an SSH port that does not listen yet; without a host key it makes its own."""
        view = _View(instance, self._clock)
        instance.ssh = SshEndpoint(view, users, lambda: self._ssh_mode(instance), host_key)

    def add_port(self, instance: Instance, inside_port: int) -> None:
        """Bind the outside of a mapped TCP port."""
        mapped = HttpEndpoint(inside_port, lambda: self._rule(instance, "http"))
        instance.ports.append(mapped)

    def open(self, instance: Instance) -> None:
        """Let clients in."""
        if instance.ssh:
            instance.ssh.open()
        for port in instance.ports if instance.serves_http else ():
            port.open()

    def shut(self, instance: Instance) -> None:
        """Close every port of a machine for good."""
        for door in [instance.ssh, *instance.ports]:
            if door is not None:
                door.close()

    def renew(self, instance: Instance) -> None:
        """New ports with the same host key, for a machine that may start again."""
        self.shut(instance)
        if instance.ssh:
            self.add_ssh(instance, instance.ssh.users, instance.ssh.host_key)
        inside = [port.inside_port for port in instance.ports]
        instance.ports.clear()
        for port in inside:
            self.add_port(instance, port)

    def _ssh_mode(self, instance: Instance) -> Params | None:
        mode = self._rule(instance, "ssh") or _own_mode(instance)
        if mode and mode["mode"] == "host_key_change":
            up_s = self._clock.now_s() - (instance.started_s or 0.0)
            changed = up_s >= float(mode.get("after_s") or 0)
            return {"mode": "wrong_host_key"} if changed else None
        return mode

    def _rule(self, instance: Instance, door: str) -> Params | None:
        """Parameters of the rule that acts on a connection to that door of the machine."""
        fired = self._rules.consult(
            Occasion(
                provider=instance.provider,
                operation=door,
                label=instance.label,
                offer_id=instance.offer_id,
                instance_id=str(instance.id),
                gpu_type=instance.hardware.gpu_name,
            )
        )
        return fired[0].params if fired else None


def _own_mode(instance: Instance) -> Params | None:
    """The machine's own SSH fault; one with a count is used up by connections."""
    mode = instance.ssh_mode
    if mode and "count" in mode:
        mode["count"] -= 1
        if mode["count"] <= 0:
            instance.ssh_mode = None
    return mode
