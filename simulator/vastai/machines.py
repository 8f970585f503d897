"""Physical machines of the sample market and the asks (offers) cut from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from simulator import draws
from simulator.gpus import GPUS_PER_MACHINE, MODEL_DRAW, GpuModel
from simulator.places import LOCATION_DRAW, country_of
from simulator.vastai import parts

MARKUP = 0.75  # listed price = host's price / 0.75
_ABANDONED_SHARE = 0.008
_RENTED_SHARE = 0.42


@dataclass(slots=True)
class Machine:
    """One physical box. Money in $, memory in MB, disk in GB, traffic in Mbit/s, times epoch s."""

    id: int
    host_id: int
    model: GpuModel
    gpus: int
    gpu_ram_mb: int
    gpu_price: float
    min_bid_share: float
    storage_cost: float
    inet_up_cost: float
    inet_down_cost: float
    reliability: float
    verification: str
    hosting_type: int
    location: str | None
    country: str | None
    cuda: float
    driver: str
    cpu: tuple[str, float, int, int]
    cpu_cores_known: bool
    cpu_ram_mb: int
    board: str
    disk_name: str
    os_version: str
    disk_gb: float
    disk_bw: float
    inet_down: float
    inet_up: float
    ports: int
    static_ip: bool
    ip: str
    start_s: float
    end_s: float
    pci_gen: float
    lanes: int
    speed: float
    external: bool | None
    taken: set[int] = field(default_factory=set)
    asks: list[Ask] = field(default_factory=list)


@dataclass(slots=True)
class Ask:
    """One offer: `size` GPUs of a machine from index `first`; the unit that is rented."""

    id: int
    machine: Machine
    first: int
    size: int
    dph_base: float
    position: int = 0
    listed: bool = True
    withdrawn: bool = False

    @property
    def gpu_ids(self) -> range:
        """Indices of the GPUs within the machine."""
        return range(self.first, self.first + self.size)

    @property
    def share(self) -> float:
        """gpu_frac: the part of the machine in this ask."""
        return self.size / self.machine.gpus

    @property
    def rented(self) -> bool:
        """Whether one of its GPUs is in use, by anybody."""
        return not self.machine.taken.isdisjoint(self.gpu_ids)

    @property
    def rentable(self) -> bool:
        """Whether it can be rented now."""
        return self.listed and not self.withdrawn and not self.rented

    @property
    def min_bid(self) -> float:
        """Lowest bid in $/h for the whole ask."""
        return round(self.dph_base * self.machine.min_bid_share, 6)


def build_machine(rng: Random, machine_id: int, host_id: int, model: GpuModel | None) -> Machine:
    """Draw one machine; `model` forces a GPU and makes it a plain, free single-GPU box."""
    plain = model is not None
    model = model or parts_model(rng)
    gpus = 1 if plain else _gpu_count(rng, model)
    gpu_ram, factor = _memory(rng, model, plain=plain)
    reliability = rng.uniform(0.99, 0.9999) if plain else _reliability(rng)
    datacenter = rng.random() < parts.DATACENTER_SHARE[model.kind]
    location = LOCATION_DRAW.pick(rng)
    cuda, driver = (12.8, "570.153.02") if plain else parts.CUDA_DRAW.pick(rng)
    cpu = parts.CPU_DRAW.pick(rng)
    inet_down, inet_up = _network(rng, datacenter=datacenter)
    start_s, end_s = _period(rng)
    machine = Machine(
        id=machine_id,
        host_id=host_id,
        model=model,
        gpus=gpus,
        gpu_ram_mb=gpu_ram,
        gpu_price=_price(rng, model.price * factor, model.spread, plain=plain),
        min_bid_share=rng.uniform(0.35, 0.95),
        storage_cost=round(parts.STORAGE_DRAW.pick(rng) / MARKUP, 6),
        inet_up_cost=round(parts.TRAFFIC_DRAW.pick(rng) / MARKUP, 6),
        inet_down_cost=round(parts.TRAFFIC_DRAW.pick(rng) / MARKUP, 6),
        reliability=round(reliability, 7),
        verification="verified" if plain else _verification(rng, reliability),
        hosting_type=int(datacenter),
        location=_untidy(rng, location),
        country=country_of(location),
        cuda=cuda,
        driver=driver,
        cpu=cpu,
        cpu_cores_known=rng.random() >= 0.002,
        cpu_ram_mb=_cpu_ram(rng),
        board=rng.choice(parts.BOARDS),
        disk_name=rng.choice(parts.DISKS),
        os_version=parts.OS_VERSIONS.pick(rng),
        disk_gb=_disk(rng, gpus, plain=plain),
        disk_bw=round(draws.lognormal(rng, 2200, 0.6), 1),
        inet_down=inet_down,
        inet_up=inet_up,
        ports=_ports(rng, plain=plain),
        static_ip=rng.random() < 0.6,
        ip=_address(rng),
        start_s=start_s,
        end_s=30 * 86400.0 if plain else end_s,
        pci_gen=rng.choice((3.0, 4.0, 4.0, 5.0)),
        lanes=rng.choice((8, 16, 16, 16)),
        speed=rng.uniform(0.85, 1.1),
        external=None if rng.random() < 0.02 else False,
    )
    if not plain:
        _rent_some(rng, machine)
    return machine


def parts_model(rng: Random) -> GpuModel:
    """A GPU model, drawn with its weight in the market."""
    return MODEL_DRAW.pick(rng)


def ask_sizes(rng: Random, gpus: int) -> list[int]:
    """How many GPUs the asks of a machine have: smallest chunk, doubled up to the whole."""
    size = parts.SMALLEST_CHUNK.pick(rng) or gpus
    sizes = []
    while size < gpus:
        sizes.append(size)
        size *= 2
    return [*sizes, gpus]


def listed_price(gpu_price: float, gpus: int) -> float:
    """$/h of an ask from the host's price per GPU, with the platform's markup."""
    return round(gpu_price * gpus / MARKUP, 6)


def _gpu_count(rng: Random, model: GpuModel) -> int:
    if model.forced_to_eight and rng.random() < 0.55:
        return 8
    return GPUS_PER_MACHINE[model.kind].pick(rng)


def _memory(rng: Random, model: GpuModel, *, plain: bool) -> tuple[int, float]:
    return model.memory.values[0] if plain else model.memory.pick(rng)


def _price(rng: Random, median: float, spread: float, *, plain: bool) -> float:
    price = draws.lognormal(rng, median * MARKUP, spread)
    if not plain and rng.random() < _ABANDONED_SHARE:
        price *= rng.uniform(4, 12)
    return max(0.01, round(price, 2))


def _reliability(rng: Random) -> float:
    low, high = parts.RELIABILITY_BANDS.pick(rng)
    return rng.uniform(low, high)


def _verification(rng: Random, reliability: float) -> str:
    verified, unverified = (0.80, 0.97) if reliability >= 0.9 else (0.20, 0.97)
    draw = rng.random()
    if draw < verified:
        return "verified"
    return "unverified" if draw < unverified else "deverified"


def _network(rng: Random, *, datacenter: bool) -> tuple[float, float]:
    down = draws.lognormal(rng, 3500 if datacenter else 700, 0.95)
    down = min(20000.0, max(4.0, down))
    return round(down, 1), round(down * math.exp(rng.gauss(-0.25, 0.5)), 1)


def _period(rng: Random) -> tuple[float, float]:
    low, high = parts.DURATION_DAYS.pick(rng)
    return -rng.uniform(0.1, 90) * 86400.0, rng.uniform(low, high) * 86400.0


def _cpu_ram(rng: Random) -> int:
    size_gb = parts.MEMORY_GB_DRAW.pick(rng)
    if rng.random() < 0.2:
        return size_gb * 1000
    return int(size_gb * rng.uniform(0.97, 1.0) * 1024)


def _disk(rng: Random, gpus: int, *, plain: bool) -> float:
    size = draws.lognormal(rng, 450 * gpus**0.75, 0.95)
    return round(min(60000.0, max(200.0 if plain else 20.0, size)), 1)


def _ports(rng: Random, *, plain: bool) -> int:
    draw = 1.0 if plain else rng.random()
    if draw < 0.04:
        return 0
    return rng.randint(1, 6) if draw < 0.10 else int(min(16250, draws.lognormal(rng, 250, 1.3)) + 7)


def _address(rng: Random) -> str:
    address = ".".join(str(part) for part in (198, 51, 100, rng.randint(1, 254)))
    return address + " " if rng.random() < 0.01 else address


def _untidy(rng: Random, location: str | None) -> str | None:
    return location + " " if location and rng.random() < 0.004 else location


def _rent_some(rng: Random, machine: Machine) -> None:
    if rng.random() < _RENTED_SHARE:
        machine.taken.update(range(max(1, machine.gpus // 2)))
