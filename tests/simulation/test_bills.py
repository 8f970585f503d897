"""What many sessions cost, by our ledger and by the bill of the clouds that they were rented in."""

from __future__ import annotations

from collections import Counter

from gpu_shopper.core.costs import Share
from gpu_shopper.core.labels import owned
from gpu_shopper.store.codec import from_item
from gpu_shopper.store.cost_days import DayRow
from gpu_shopper.store.costs import Booked
from tests.simulation.odds import Odds
from tests.simulation.plan import drawn
from tests.simulation.simulation import Simulation

SESSIONS = 200
MS_PER_HOUR = 3_600_000


def _days_of_many() -> list[Simulation]:
    """As many days without faults, except what customers do, as have 200 rented sessions."""
    played: list[Simulation] = []
    sessions = 0
    while sessions < SESSIONS:
        plan = drawn(len(played) + 1)
        plan.odds, plan.spells, plan.restarts_ms, plan.orphans = Odds(), [], [], 0
        simulation = Simulation(plan)
        simulation.play()
        played.append(simulation)
        sessions += len(_booked(simulation))
    return played


def _booked(simulation: Simulation) -> list[Booked]:
    """The sum of each session that cost something."""
    rows = (
        from_item(Booked, item)
        for deployment in simulation.deployments.values()
        for part in deployment.rows["CostsTable"].items.values()
        for sk, item in part.items()
        if sk == "BOOKED"
    )
    return [row for row in rows if row.microusd]


def _shares(simulation: Simulation, prefix: str) -> list[tuple[str, Share]]:
    """Consumer and share of every day's rows in the partitions that begin so."""
    return [
        (row.consumer_id, share)
        for deployment in simulation.deployments.values()
        for pk, part in deployment.rows["CostsTable"].items.items()
        if pk.startswith(prefix)
        for row in (from_item(DayRow, item) for item in part.values())
        for share in row.shares
    ]


def _bill_microusd(simulation: Simulation) -> float:
    """What the clouds charge for the machines with our labels, to the millisecond."""
    machines = [one for cloud in simulation.clouds.values() for one in cloud.machines.values()]
    return sum(
        machine.price_microusd_per_hour * (gone_ms - born_ms) / MS_PER_HOUR
        for machine in machines
        if any(owned(machine.label, one.id) for one in simulation.deployments.values())
        for born_ms, gone_ms in machine.paid
    )


def test_the_ledger_agrees_with_the_bills_and_with_itself() -> None:
    """N-42: 200 sessions; within 1 % of the bill, and never below it; all breakdowns add up."""
    days = _days_of_many()
    ours = sum(row.microusd for one in days for row in _booked(one))
    theirs = sum(_bill_microusd(one) for one in days)
    assert theirs <= ours <= 1.01 * theirs
    everybodys = [share for one in days for share in _shares(one, "DAYS#*#")]
    by_provider, by_consumer, by_gpu = Counter[str](), Counter[str](), Counter[str]()
    for consumer_id, share in everybodys:
        by_provider[share.provider] += share.microusd
        by_gpu[share.gpu_type] += share.microusd
        by_consumer[consumer_id] += share.microusd
    assert by_provider.total() == by_gpu.total() == by_consumer.total() == ours
    own = Counter[str]()
    for simulation in days:
        for consumer_id in by_consumer:
            shares = _shares(simulation, f"DAYS#{consumer_id}#")
            own[consumer_id] += sum(share.microusd for _, share in shares)
    assert own == by_consumer
