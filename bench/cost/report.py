"""What the control plane costs: 1,000 sessions of two hours, and a month in which nobody rents.

The simulation plays real handlers on a virtual clock, with default settings and nothing going
wrong. What sessions cost is what a deployment used with them beyond what it used without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bench.cost import calibration, pricing, standing
from bench.cost.market import OFFERS, Market
from bench.cost.meter import Meter
from bench.cost.pricing import Line, Used
from bench.cost.world import World
from tests.simulation.scheduler import HOUR

SESSIONS = 1_000
GOAL_USD = 1.0
BUSY_HOURS = 12
REST_HOURS = 3
MONTH_HOURS = 730
SMALL_MARKET = 200
"""Offers while sessions are counted: what a refresh costs is taken away again."""

AGENTS, AGENTS_HOURS = 40, 4
SHOWN_USD = 0.005
"""Lines below are shown as a sum."""


@dataclass(frozen=True, slots=True)
class Played:
    """What one world used in so many hours."""

    meter: Meter
    hours: float


@cache
def _measures() -> tuple[float, dict[str, float]]:
    return calibration.call_cpu_s(), dict(calibration.starts_s())


def played(hours: float, offers: int, sessions: int = 0, *, agents: bool = False) -> Played:
    """A world of so many hours, offers and sessions."""
    call_cpu_s, starts_s = _measures()
    meter = Meter(standing.memory_mb, starts_s.__getitem__, call_cpu_s)
    market = Market(offers)
    world = World(meter, round(hours * HOUR), market, sessions, agents=agents)
    world.play()
    return Played(meter, world.scheduler.now_ms / HOUR)


def per_thousand(busy: Played, rest: Played, sessions: int) -> Used:
    """What 1,000 sessions used, beyond what a world at rest did in the same time."""
    more = pricing.beyond(busy.meter.used, rest.meter.used, busy.hours / rest.hours)
    return {name: quantity * 1_000 / sessions for name, quantity in more.items()}


def a_month(rest: Played) -> Used:
    """What a month at rest uses."""
    share = MONTH_HOURS / rest.hours
    used = {name: share * quantity for name, quantity in rest.meter.used.items()}
    return used | standing.polled(60 * MONTH_HOURS)


def main() -> int:
    """Print the bills; 1 when the goal is missed."""
    rest = played(REST_HOURS, SMALL_MARKET)
    busy = played(BUSY_HOURS, SMALL_MARKET, SESSIONS)
    prices = pricing.prices()
    _preface(busy)
    used = per_thousand(busy, rest, SESSIONS)
    usd = _bill(f"{SESSIONS:,} sessions of two hours", pricing.bill(used, prices.used))
    agents = played(AGENTS_HOURS, SMALL_MARKET, AGENTS, agents=True)
    with_agents = pricing.bill(per_thousand(agents, rest, AGENTS), prices.used)
    print(f"  with an agent on every machine: ${pricing.total(with_agents):.2f}")
    print(f"  goal: ${GOAL_USD:.2f}")
    usual = played(REST_HOURS, OFFERS)
    at_rest = pricing.bill(a_month(usual), prices.used)
    at_rest += pricing.bill(standing.kept(usual.meter.metrics, methods=0), prices.kept)
    _bill("a month in which nobody rents", sorted(at_rest, key=lambda line: -line.usd))
    _metrics_in_use(busy, usual)
    return int(usd > GOAL_USD)


def _preface(busy: Played) -> None:
    prices, (call_cpu_s, _) = pricing.prices(), _measures()
    print(f"the control plane at the list prices of {prices.region}, read on {prices.read_on}")
    print(
        f"  {busy.hours:.0f} h, Vast.ai and TensorDock in turns; a call of an AWS client takes"
        f" {1_000 * call_cpu_s:.1f} ms of a core"
    )


def _bill(what_for: str, lines: Sequence[Line]) -> float:
    usd = pricing.total(lines)
    print(f"{what_for}: ${usd:.2f}")
    for name, part in list(pricing.by_name(lines).items())[:3]:
        print(f"  of that {name}: ${part:.2f}")
    shown = [line for line in lines if line.usd >= SHOWN_USD]
    for line in shown:
        print(f"    {line.usd:8.3f}  {line.quantity:>15,.0f}  {line.name}, {line.what_for}")
    rest = usd - pricing.total(shown)
    print(f"    {rest:8.3f}  {'':>15}  {len(lines) - len(shown)} lines below ${SHOWN_USD} each")
    return usd


def _metrics_in_use(busy: Played, rest: Played) -> None:
    methods = sum(name == "gateway requests" for name, _ in busy.meter.used)
    metrics = busy.meter.metrics | rest.meter.metrics
    each = pricing.prices().kept
    in_use = pricing.total(pricing.bill(standing.kept(metrics, methods), each))
    at_rest = pricing.total(pricing.bill(standing.kept(rest.meter.metrics, 0), each))
    print(f"  metrics, when every hour has sessions: ${in_use - at_rest:.2f} a month more")
