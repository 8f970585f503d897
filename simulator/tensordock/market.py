"""TensorDock's sample market: locations, what they offer, and the host nodes behind that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from simulator import draws
from simulator.tensordock.cards import CARD_DRAW, Card

# city|state or province|country by name, never by code
_PLACES = """
Manassas|Virginia|United States
Chubbuck|Idaho|United States
Joplin|Missouri|United States
Orlando|Florida|United States
Dallas|Texas|United States
Los Angeles|California|United States
Chicago|Illinois|United States
New York City|New York|United States
Salt Lake City|Utah|United States
Wilmington|Delaware|United States
Montreal|Quebec|Canada
Winnipeg|Manitoba|Canada
Amsterdam|North Holland|Netherlands
Frankfurt|Hesse|Germany
Paris|Île-de-France|France
London|England|United Kingdom
Warsaw|Mazowieckie|Poland
Oslo|Oslo|Norway
Reykjavík|Capital Region|Iceland
Sofia|Sofia City|Bulgaria
Mumbai|Maharashtra|India
Singapore|Singapore|Singapore
Seoul|Seoul|South Korea
Sydney|New South Wales|Australia
São Paulo|São Paulo|Brazil
Unknown||
"""
PLACES = [tuple(line.split("|")) for line in _PLACES.strip().splitlines()]

_LOCATIONS = (20, 40)
_MOST_CARDS, _MOST_NODES = 6, 3
_TIERS = draws.Weighted.of([(0, 5.0), (1, 15.0), (2, 30.0), (3, 35.0), (4, 15.0)])
_COUNTS = draws.Weighted.of([(1, 30.0), (2, 20.0), (4, 20.0), (8, 30.0)])
_RESOURCES = draws.Weighted.of(  # vCPUs, GB of RAM, GB of storage that one machine may have
    [((4, 16, 500), 5.0), ((16, 64, 1000), 25.0), ((64, 256, 4000), 40.0), ((180, 960, 9000), 30.0)]
)
_VCPU_PRICE, _RAM_PRICE, _STORAGE_PRICE = 0.003, 0.002, 0.00005  # $/h per vCPU and per GB
_DEDICATED_IP_SHARE, _FORWARDING_SHARE, _NETWORK_STORAGE_SHARE = 0.70, 0.85, 0.15


@dataclass
class Node:
    """A host node: `gpus` of one kind, `taken` of them in use."""

    id: str
    gpus: int
    uptime_pct: float
    taken: int = 0

    @property
    def free(self) -> int:
        """GPUs that can be rented now."""
        return self.gpus - self.taken


@dataclass
class Stock:
    """One GPU type at one location: the thing that is offered. Prices in $/h."""

    location: Location
    card: Card
    gpu_price: float
    vcpu_price: float
    ram_price: float
    storage_price: float
    max_vcpus: int
    max_ram_gb: int
    max_storage_gb: int
    dedicated_ip: bool
    forwarding: bool
    network_storage: bool
    nodes: list[Node] = field(default_factory=list)
    listed: bool = True
    withdrawn: bool = False

    @property
    def id(self) -> str:
        """What fault rules and control endpoints call the offer."""
        return f"{self.location.id}-{self.card.v0_name}"

    @property
    def largest(self) -> int:
        """The most GPUs that one machine can have now."""
        return max(0, *(node.free for node in self.nodes))

    @property
    def rentable(self) -> bool:
        """Whether a machine with one GPU can be rented."""
        return self.listed and not self.withdrawn and self.largest > 0


@dataclass
class Location:
    """A data centre; tier 0 to 4, the higher the better."""

    id: str
    city: str
    state: str
    country: str
    tier: int
    organization: str
    speed_gbps: int
    stocks: list[Stock] = field(default_factory=list)


@dataclass
class Market:
    """Everything that is offered."""

    locations: list[Location]

    def stocks(self) -> Iterator[Stock]:
        """Every GPU type at every location."""
        for location in self.locations:
            yield from location.stocks

    def stock(self, location_id: str, v0_name: str) -> Stock | None:
        """What a create with a location asks for."""
        return self.by_id(f"{location_id}-{v0_name}")

    def by_id(self, stock_id: str) -> Stock | None:
        """The offer of that id."""
        return next((stock for stock in self.stocks() if stock.id == stock_id), None)

    def by_node(self, node_id: str) -> tuple[Stock, Node] | None:
        """What a create with a host node asks for."""
        pairs = ((stock, node) for stock in self.stocks() for node in stock.nodes)
        return next((pair for pair in pairs if pair[1].id == node_id), None)


def generate(seed: int) -> Market:
    """The market of a seed, always the same."""
    rng = draws.seeded("tensordock", seed)
    return Market([_location(rng) for _ in range(rng.randint(*_LOCATIONS))])


def _location(rng: Random) -> Location:
    city, state, country = rng.choice(PLACES)
    tier = _TIERS.pick(rng)
    organization = f"Host {rng.randint(100, 999)}"
    location = Location(_uuid(rng), city, state, country, tier, organization, rng.choice((1, 10)))
    cards = {CARD_DRAW.pick(rng).v0_name: None for _ in range(rng.randint(1, _MOST_CARDS))}
    known = {card.v0_name: card for card in CARD_DRAW.values}
    dedicated_ip = rng.random() < _DEDICATED_IP_SHARE
    location.stocks = [make_stock(rng, location, known[name]) for name in cards]
    for stock in location.stocks:
        stock.dedicated_ip = dedicated_ip
    return location


def make_stock(rng: Random, location: Location, card: Card) -> Stock:
    """Draw one offer; its first node has all the GPUs it says, others some."""
    vcpus, ram_gb, storage_gb = _RESOURCES.pick(rng)
    most = _COUNTS.pick(rng)
    nodes = [Node(_uuid(rng), most, round(rng.uniform(90, 100), 2))]
    for _ in range(rng.randrange(_MOST_NODES)):
        taken = rng.randint(0, most)
        nodes.append(Node(_uuid(rng), most, round(rng.uniform(90, 100), 2), taken))
    return Stock(
        location=location,
        card=card,
        gpu_price=round(card.price * rng.uniform(0.8, 1.35), 4),
        vcpu_price=round(_VCPU_PRICE * rng.uniform(0.9, 1.2), 5),
        ram_price=round(_RAM_PRICE * rng.uniform(0.9, 1.2), 5),
        storage_price=round(_STORAGE_PRICE * rng.uniform(0.9, 1.2), 7),
        max_vcpus=vcpus,
        max_ram_gb=ram_gb,
        max_storage_gb=storage_gb,
        dedicated_ip=True,
        forwarding=rng.random() < _FORWARDING_SHARE,
        network_storage=rng.random() < _NETWORK_STORAGE_SHARE,
        nodes=nodes,
    )


def _uuid(rng: Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
