"""A provider's own side: its market, its machines, its bill. Shared by everybody on the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from gpu_shopper.core.instances import Instance, LaunchRequest, SshAddress
from gpu_shopper.core.offers import Offer
from tests.builders import an_offer
from tests.simulation.machine import NEVER, NO_SPAN, Machine, Nature
from tests.simulation.scheduler import Scheduler

OFFERS = 5
FIRST_ID = {"vastai": 5_001, "tensordock": 7_001}

type Told = Callable[[Machine], None]


_OWN_IDS: Mapping[str, str] = {
    "vastai": "100{}",
    "tensordock": "1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6{}-geforcertx4090-pcie-24gb",
}


@cache
def offer_of(provider: str, number: int) -> Offer:
    """One of the offers that a provider always has."""
    own_id = _OWN_IDS[provider].format(number)
    return an_offer(
        id=f"{provider}-{own_id}",
        provider=provider,
        provider_id=own_id,
        price_microusd_per_hour=400_000 + 10_000 * number,
        machine_id=str(77 + number),
    )


def _at(offer: Offer, percent: int) -> Offer:
    if percent == 100:
        return offer
    return offer._replace(price_microusd_per_hour=offer.price_microusd_per_hour * percent // 100)


@dataclass
class Cloud:
    """One provider. Its methods take effect at once; time and faults are the port's."""

    name: str
    scheduler: Scheduler
    nature: Callable[[], Nature]
    percent: Callable[[], int] = lambda: 100
    machines: dict[str, Machine] = field(default_factory=dict)
    on_rented: Told = lambda _machine: None
    on_gone: Told = lambda _machine: None
    returns_until_ms: int = 0

    def market(self) -> list[Offer]:
        """What can be rented now, each offer at `percent` of its usual price."""
        return [_at(offer_of(self.name, number), self.percent()) for number in range(OFFERS)]

    def rent(self, request: LaunchRequest, *, is_told: bool, is_late: bool = False) -> Machine:
        """A new machine; it costs from now on.

        One whose id nobody is told is known by listings alone: they hold it in good time.
        """
        nature = self.nature()
        if not is_told:
            nature.unlisted = NO_SPAN
        if is_late:
            nature.unlisted_ms = nature.unseen_ms = 0
        price = request.offer.price_with_disk(request.disk_gb)
        machine = self.create(request.label, price, set(request.ssh_public_keys), nature)
        machine.exposed_ports = request.exposed_ports
        machine.brought_host_key = request.host_key.public if request.host_key else None
        return machine

    def create(
        self, label: str | None, price: int, keys: set[str], nature: Nature, *, is_ours: bool = True
    ) -> Machine:
        """A machine with that label, whoever asked for it."""
        number = FIRST_ID[self.name] + len(self.machines)
        now_ms = self.scheduler.now_ms
        machine = Machine(
            id=str(number),
            provider=self.name,
            label=label,
            created_ms=now_ms,
            price_microusd_per_hour=price * nature.price_factor_percent // 100,
            address=SshAddress("203.0.113.7", number, "root"),
            nature=nature,
            keys=keys,
            paid=[(now_ms, NEVER)],
            is_ours=is_ours,
            host_key=f"ssh-ed25519 host-{number}",
        )
        self.machines[machine.id] = machine
        for at_ms in nature.turns_ms:
            self.scheduler.at(now_ms + at_ms, lambda: None)
        if nature.vanishes_ms < NEVER:
            self._end_at(machine, now_ms + nature.vanishes_ms)
        if is_ours:
            self.on_rented(machine)
        return machine

    def listing(self) -> list[Instance]:
        """Everything on the account that a complete listing shows now."""
        now_ms = self.scheduler.now_ms
        return [one.shown(now_ms) for one in self.machines.values() if one.is_listed(now_ms)]

    def lookup(self, instance_id: str) -> Instance | None:
        """One machine by its id."""
        now_ms = self.scheduler.now_ms
        machine = self.machines.get(instance_id)
        return machine.shown(now_ms) if machine and machine.is_found(now_ms) else None

    def end(self, instance_id: str) -> None:
        """A request to end a machine is accepted; whether it does anything is another matter."""
        now_ms = self.scheduler.now_ms
        machine = self.machines.get(instance_id)
        if machine is None or not machine.is_alive(now_ms):
            return
        age, nature = machine.age_ms(now_ms), machine.nature
        if age < nature.unseen_ms:
            return
        if nature.deaf > 0 or age < nature.deaf_until_ms:
            nature.deaf -= 1
            machine.ignored += 1
        elif nature.stops_first and machine.stopped_ms == NEVER:
            machine.stopped_ms = now_ms
            machine.ignored += 1
        else:
            self._end_at(machine, now_ms + nature.ending_ms)

    def attach(self, instance_id: str, keys: set[str]) -> None:
        """Put keys on a machine."""
        if instance_id in self.machines:
            self.machines[instance_id].keys |= keys

    def _end_at(self, machine: Machine, at_ms: int) -> None:
        if at_ms >= machine.ending_at_ms:
            return
        machine.ending_at_ms = at_ms

        def end() -> None:
            if machine.ending_at_ms == at_ms and machine.is_alive(self.scheduler.now_ms):
                self._gone(machine)

        self.scheduler.at(at_ms, end)

    def _gone(self, machine: Machine) -> None:
        now_ms = self.scheduler.now_ms
        machine.gone_ms = now_ms
        machine.paid[-1] = (machine.paid[-1][0], now_ms)
        self.on_gone(machine)
        wait_ms = machine.nature.comes_back_ms
        if wait_ms is not None and now_ms + wait_ms < self.returns_until_ms:
            self.scheduler.after(wait_ms, lambda: self._return(machine))

    def _return(self, machine: Machine) -> None:
        now_ms = self.scheduler.now_ms
        machine.gone_ms = machine.ending_at_ms = machine.stopped_ms = NEVER
        machine.returned_ms = now_ms
        machine.nature.comes_back_ms = None
        machine.paid.append((now_ms, NEVER))
