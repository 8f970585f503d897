"""What a TensorDock machine will be: hardware, start-up times, keys."""

from __future__ import annotations

from dataclasses import dataclass

from simulator import draws
from simulator.fleet import Birth, micro
from simulator.instances import Hardware, Instance, Words
from simulator.ssh.injected import injected_host_key
from simulator.tensordock.cards import Card
from simulator.tensordock.cloud_init import HOMES, HOST_KEY, Disk, carried_out
from simulator.tensordock.market import Stock
from simulator.tensordock.orders import Order
from simulator.world import World

USERS = ("user", "root")
WORDS = Words(failed="error", dead="stopped")
_NO_DRIVER_IMAGE = "ubuntu2404"
_DRIVER, _CUDA = "550.144.03", 12.4
_SSH_PORT = 22

_BOOT_S, _IP_S, _KEYS_S = (15.0, 60.0), (5.0, 30.0), (60.0, 90.0)  # observed ranges
_NO_FORWARDS_SHARE = 0.05


@dataclass(frozen=True)
class Times:
    """Seconds from the create until it runs, has an address, has carried out its start-up."""

    running_s: float
    address_s: float
    keys_s: float
    forwards: bool = True


def times(world: World) -> Times:
    """By the knobs, or with `realistic` by what was observed."""
    boot = world.knobs.boot("tensordock")
    if not world.knobs.flag("realistic"):
        return Times(boot.loading_s, boot.ip_delay_s, boot.loading_s + boot.key_delay_s)
    rng = draws.seeded(world.seed, "tensordock boot", sum(1 for _ in world.fleet.everything()))
    parts = [rng.uniform(*each) for each in (_BOOT_S, _IP_S, _KEYS_S)]
    return Times(parts[0], parts[1], parts[2], rng.random() >= _NO_FORWARDS_SHARE)


def birth(order: Order, stock: Stock, when: Times, disk: Disk) -> Birth:
    """The machine that this order makes, costing from now on."""
    return Birth(
        provider="tensordock",
        label=order.name,
        offer_id=stock.id,
        hardware=hardware(order, stock.card),
        request={
            "v0_name": order.v0_name,
            "ram_gb": order.ram_gb,
            "location_id": stock.location.id,
            "useDedicatedIp": order.dedicated_ip,
            "runcmd": order.runcmd,
            "no_forwards": not when.forwards,
        },
        price_micro=micro(order.price(stock)),
        disk_gb=float(order.storage_gb),
        status="creating",
        boot=((when.running_s, "running"),),
        address_delay_s=when.address_s,
        words=WORDS,
        ssh_users=() if order.image.startswith("windows") else USERS,
        host_key=injected_host_key(disk.files.get(HOST_KEY, "")),
        image=order.image,
        ports=tuple(port for port in order.forwarded if port != _SSH_PORT),
    )


def install_keys(world: World, instance: Instance, disk: Disk, delay_s: float | None) -> None:
    """The keys that the start-up commands wrote, each for the user in whose home they are."""
    for user in HOMES:
        for line in disk.keys(user):
            world.fleet.add_key(instance, line, delay_s, user)


def disk_after(order: Order) -> Disk:
    """Files after the start-up commands; `ssh_key`, write_files and the rest have no effect."""
    return carried_out(order.runcmd)


def hardware(order: Order, card: Card) -> Hardware:
    """What the inside looks like. Plain ubuntu2404 has no driver until one is installed."""
    bare = order.image == _NO_DRIVER_IMAGE and "nvidia" not in str(order.runcmd)
    return Hardware(
        gpu_name=card.model.name,
        gpus=order.gpus,
        memory_mb=card.memory_mb,
        power_w=card.model.power_w,
        compute_cap=card.model.compute_cap,
        driver=_DRIVER,
        cuda=None if bare else _CUDA,
        disk_gb=float(order.storage_gb),
        cpu_name="AMD EPYC 7763 64-Core Processor",
        cpu_cores=order.vcpus,
        ram_mb=order.ram_gb * 1024,
        bus_offset=len(card.v0_name),
    )
