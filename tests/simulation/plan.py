"""What one seed draws: who rents what and when, and everything that goes wrong meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from random import Random

from gpu_shopper.core.session import RetryScope
from tests.simulation.scheduler import MINUTE

DEPLOYMENTS = ("ab12cd34", "zz99zz99")
PROVIDERS = ("vastai", "tensordock")
CONSUMERS = ("alice", "bob")


@dataclass(kw_only=True)
class Odds:
    """How likely each fault is, per chance that it gets; 0 to 1."""

    crash: float = 0  # of a function, before or after any call
    stall: float = 0  # of a call, until something else happens
    store_fails: float = 0  # of a store call; half of the writes were carried out all the same
    redelivered: float = 0  # of a task of a state machine
    execution_killed: float = 0  # at a task
    start_lost: float = 0  # of starting an execution
    sweep_late: float = 0
    sweep_twice: float = 0
    sweep_skipped: float = 0
    call_fails: float = 0  # of a call to a provider; carried out or not
    call_hangs: float = 0
    launch_refused: float = 0
    launch_unclear: float = 0  # nothing was rented
    launch_lost: float = 0  # rented, and no answer
    launch_late: float = 0  # no answer, and rented after that
    launch_error_rented: float = 0
    launch_twice: float = 0
    lags: float = 0  # of machines: seen late
    stuck: float = 0
    dies: float = 0
    stubborn: float = 0
    returns: float = 0
    hides: float = 0
    ssh: float = 0
    moves: float = 0
    dearer: float = 0  # of an offer, each time that the market is read


STRONG = {
    "crash": 0.03,
    "stall": 0.16,
    "store_fails": 0.03,
    "redelivered": 0.3,
    "execution_killed": 0.08,
    "start_lost": 0.25,
    "sweep_late": 0.4,
    "sweep_twice": 0.6,
    "sweep_skipped": 0.2,
    "call_fails": 0.02,
    "call_hangs": 0.02,
    "launch_refused": 0.5,
    "launch_unclear": 0.6,
    "launch_lost": 0.6,
    "launch_late": 0.4,
    "launch_error_rented": 0.4,
    "launch_twice": 0.4,
    "lags": 0.9,
    "stuck": 0.4,
    "dies": 0.5,
    "stubborn": 0.8,
    "returns": 0.6,
    "hides": 0.6,
    "ssh": 0.7,
    "moves": 0.3,
    "dearer": 0.7,
}
"""Each fault's odds in a seed that is about it."""

WEAK = 0.08
"""The share of those odds that faults have in other seeds, if they have any."""

CLOSE_PERCENT = 102
"""What customers pay at most in half of the seeds whose prices rise: less than sessions accept."""

TOGETHER: tuple[tuple[str, ...], ...] = (
    ("crash",),
    ("crash", "stall"),
    ("stall", "redelivered"),
    ("store_fails", "stall"),
    ("execution_killed", "start_lost"),
    ("execution_killed", "launch_lost"),
    ("sweep_late", "sweep_twice", "sweep_skipped"),
    ("call_fails", "call_hangs"),
    ("launch_refused",),
    ("launch_unclear", "stall"),
    ("launch_lost", "lags"),
    ("launch_late",),
    ("launch_error_rented", "stubborn"),
    ("launch_twice", "stall", "sweep_twice"),
    ("launch_twice", "stall", "sweep_late"),
    ("lags", "sweep_late"),
    ("lags", "sweep_twice"),
    ("lags", "stubborn"),
    ("stuck", "ssh"),
    ("ssh", "moves"),
    ("dies",),
    ("dies", "hides"),
    ("stubborn",),
    ("returns",),
    ("hides",),
    ("hides", "call_fails"),
    ("dearer", "start_lost"),
    ("dearer", "launch_refused"),
)
"""Faults that are worth more in company; a seed is about one to three of these."""

NOISY_SEEDS = 100
"""Of so many seeds one plays its quiet hours too."""

PACKING_SEEDS = 20
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
    def packs(self) -> bool:
        """True when the product's own codecs are at work."""
        return self.seed % PACKING_SEEDS == 0


def drawn(seed: int) -> Plan:
    """The plan of `seed`."""
    random = Random(seed)
    deployments = DEPLOYMENTS if random.random() < 0.3 else DEPLOYMENTS[:1]
    both = random.random() < 0.25
    providers = PROVIDERS if both else (random.choice(PROVIDERS),)
    rentals = [
        _rental(random, deployment, providers)
        for deployment in deployments
        for _ in range(random.choice((1, 1, 2, 2, 3)))
    ]
    drains = Random(seed + 3)
    rentals = [replace(one, drain_min=_drain_min(drains)) for one in rentals]
    plan = Plan(
        seed=seed,
        odds=_odds(random),
        deployments=deployments,
        providers=providers,
        rentals=rentals,
    )
    _add_agents(Random(seed + 3), plan)
    plan.faults_end_ms = max(_busy_until_ms(one) for one in rentals) + 10 * MINUTE
    _add_events(random, plan)
    if seed % 2 == 0 and plan.odds.dearer > STRONG["dearer"] * WEAK:
        plan.rentals = [replace(one, most_percent=CLOSE_PERCENT) for one in rentals]
    return plan


def _odds(random: Random) -> Odds:
    """Some seeds go well; most are about two to five faults, and know a little of the others."""
    odds = Odds()
    if random.random() < 0.04:
        return odds
    names = [one.name for one in fields(Odds)]
    if random.random() < 0.5:
        for name in names:
            setattr(odds, name, STRONG[name] * WEAK)
    for group in random.sample(TOGETHER, random.choice((1, 2, 2, 3))):
        for name in group:
            setattr(odds, name, STRONG[name] * random.uniform(0.4, 1))
    return odds


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
    if often and plan.odds.dearer:
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
