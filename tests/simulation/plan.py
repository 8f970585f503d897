"""What one seed draws: who rents what and when, and everything that goes wrong meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

from gpu_shopper.core.session import RetryScope
from tests.simulation.allowed import Limit, drawn_limit
from tests.simulation.odds import STRONG, WEAK, Odds, drawn_odds
from tests.simulation.scheduler import MINUTE

DEPLOYMENTS = ("ab12cd34", "zz99zz99")
PROVIDERS = ("vastai", "tensordock")
CONSUMERS = ("alice", "bob")

CLOSE_PERCENT = 102
"""What customers pay at most in half of the seeds whose prices rise: less than sessions accept."""

NOISY_SEEDS = 100
"""Of so many seeds one plays its quiet hours too."""

PACKING_SEEDS = 40
"""Of so many seeds one packs and unpacks all that is stored."""

LONGEST_WITH_AGENT_MS = 61 * MINUTE


@dataclass(frozen=True, slots=True)
class Spell:
    """A while in which a provider does badly: calls of `methods` fail with these odds."""

    provider: str
    from_ms: int
    until_ms: int
    methods: tuple[str, ...]
    odds: float


class Agent(StrEnum):
    """What an agent does."""

    WORKS = "works"
    IDLES = "idles"
    FALLS_SILENT = "falls_silent"
    NEVER_REPORTS = "never_reports"


@dataclass(frozen=True, slots=True)
class Rental:
    """What one customer does: create, perhaps extend, and end; instants in milliseconds."""

    deployment_id: str
    consumer_id: str
    provider: str
    offer: int
    create_ms: int
    hours: int
    ssh_timeout_min: int
    extend: tuple[int, ...]
    stop_after_ms: int | None
    stops_twice: bool = False
    auto_retry: bool = False
    max_retries: int | None = None
    retry_scope: RetryScope = RetryScope.SAME_GPU
    serves_http: bool = False
    agent: Agent | None = None
    most_percent: int | None = None  # its max_price, of the offer's usual price
    drain_min: int | None = None


@dataclass(kw_only=True)
class Plan:
    """Everything that a seed decides before the first event."""

    seed: int
    odds: Odds
    deployments: tuple[str, ...]
    providers: tuple[str, ...]
    rentals: list[Rental]
    limits: list[Limit] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    deploys_ms: list[int] = field(default_factory=list)
    restarts_ms: list[int] = field(default_factory=list)
    refresh_every_min: int = 5
    orphans: int = 0
    foreign: int = 0
    faults_end_ms: int = 0

    @property
    def is_noisy(self) -> bool:
        """True when hours in which nothing happens are played."""
        return self.seed % NOISY_SEEDS == 0

    @property
    def is_close(self) -> bool:
        """True when prices rise to just above what customers pay."""
        return self.seed % 2 == 0 and self.odds.dearer > STRONG["dearer"] * WEAK

    @property
    def packs(self) -> bool:
        """True when the product's own codecs are at work."""
        return self.seed % PACKING_SEEDS == 0


def drawn(seed: int) -> Plan:
    """The plan of `seed`."""
    random = Random(seed)
    deployments = DEPLOYMENTS if random.random() < 0.2 else DEPLOYMENTS[:1]
    both = random.random() < 0.25
    providers = PROVIDERS if both else (random.choice(PROVIDERS),)
    rentals = [
        _rental(random, deployment, providers)
        for deployment in deployments
        for _ in range(random.choice((1, 1, 2, 2, 3)))
    ]
    drains = Random(f"drains {seed}")
    rentals = [replace(one, drain_min=_drain_min(drains)) for one in rentals]
    plan = Plan(
        seed=seed,
        odds=drawn_odds(random),
        deployments=deployments,
        providers=providers,
        rentals=rentals,
    )
    _add_agents(Random(f"agents {seed}"), plan)
    _add_limits(Random(f"limits {seed}"), plan)
    plan.faults_end_ms = max(_busy_until_ms(one) for one in plan.rentals) + 10 * MINUTE
    _add_events(random, plan)
    if plan.is_close:
        plan.rentals = [replace(one, most_percent=CLOSE_PERCENT) for one in plan.rentals]
    return plan


def _rental(random: Random, deployment_id: str, providers: tuple[str, ...]) -> Rental:
    provider = random.choice(providers)
    lives_on = random.random() < 0.3
    return Rental(
        deployment_id=deployment_id,
        consumer_id=random.choice(CONSUMERS),
        provider=provider,
        offer=random.choice((0, 0, 1, 2)),
        create_ms=random.randint(12_000, 6 * MINUTE),
        hours=random.choice((1, 1, 1, 2)),
        ssh_timeout_min=random.choice((1, 3, 5, 10)),
        extend=random.choice(((), (), (1,), (1, 2), (11,), (9, 3))) if lives_on else (),
        stop_after_ms=None if lives_on else _some_time(random),
        stops_twice=random.random() < 0.15,
        auto_retry=random.random() < 0.5,
        max_retries=random.choice((None, None, 1, 5)),
        retry_scope=random.choice(tuple(RetryScope)),
        serves_http=provider == "vastai" and random.random() < 0.12,
        most_percent=random.choice((None, None, 100, 103, 130)),
    )


def _add_agents(random: Random, plan: Plan) -> None:
    """By draws of its own: the rest of a seed is as it was before there were agents.

    Hours with an agent are never quiet, so rentals of many hours have none, but in noisy seeds.
    """
    for place, rental in enumerate(plan.rentals):
        if random.random() < 0.25 and not rental.serves_http:
            agent = random.choice(tuple(Agent))
            lasts_ms = _busy_until_ms(rental) - rental.create_ms
            if lasts_ms <= LONGEST_WITH_AGENT_MS or plan.is_noisy:
                plan.rentals[place] = replace(rental, agent=agent)


def _add_limits(random: Random, plan: Plan) -> None:
    if random.random() < 0.15:
        limit, rival = drawn_limit(random, random.choice(plan.rentals))
        plan.limits.append(limit)
        plan.rentals += [rival] if rival else []


def _drain_min(random: Random) -> int | None:
    return random.choice((1, 2, 10, 30)) if random.random() < 0.25 else None


def _some_time(random: Random) -> int:
    """Often within the first minutes, where everything is under way."""
    return round(random.choice((random.uniform(0, 2), random.uniform(0, 15))) * MINUTE)


def _busy_until_ms(rental: Rental) -> int:
    drain_ms = (rental.drain_min or 0) * MINUTE
    if rental.stop_after_ms is not None:
        return rental.create_ms + rental.stop_after_ms + drain_ms
    hours = min(12, rental.hours + sum(rental.extend))
    return rental.create_ms + hours * 60 * MINUTE + drain_ms


def _add_events(random: Random, plan: Plan) -> None:
    interesting = [at_ms for one in plan.rentals for at_ms in (one.create_ms, _busy_until_ms(one))]

    def sometime() -> int:
        return max(0, random.choice(interesting) + random.randint(-MINUTE, 8 * MINUTE))

    for provider in plan.providers:
        for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
            plan.spells.append(_spell(random, provider, sometime()))
    plan.deploys_ms = [sometime() for _ in range(random.choice((0, 0, 0, 1)))]
    plan.restarts_ms = [sometime() for _ in range(random.choice((0, 0, 0, 0, 1)))]
    plan.foreign = random.choice((0, 0, 1, 2))
    often = random.choice((True, False, False, False))
    if (often and plan.odds.dearer) or plan.is_close:
        plan.refresh_every_min = 1
    plan.orphans = random.choice((0,) * 8 + (1, 2, 9, 13))


def _spell(random: Random, provider: str, from_ms: int) -> Spell:
    methods = random.choice(
        (
            ("launch", "find", "list_instances", "terminate", "attach", "list_offers"),
            ("launch", "find", "list_instances", "terminate", "attach", "list_offers"),
            ("list_instances",),
            ("find",),
            ("terminate",),
            ("find", "list_instances"),
            ("launch",),
        )
    )
    minutes = random.choice((1, 3, 3, 8, 8, 20, 60))
    odds = random.choice((0.3, 0.6, 1.0, 1.0))
    return Spell(provider, from_ms, from_ms + minutes * MINUTE, methods, odds)
