"""One provider fails, hangs or is throttled for hours: the passes over the other do not notice."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest

from gpu_shopper.errors.provider import ProviderUnavailable, RateLimited
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.reconcile import reconcile
from tests.simulation.cloud import Cloud
from tests.simulation.faults import RandomFaults
from tests.simulation.functions import FUNCTIONS
from tests.simulation.instants import ms_of
from tests.simulation.machine import Machine, Nature
from tests.simulation.odds import Odds
from tests.simulation.plan import DEPLOYMENTS, PROVIDERS, Plan, Rental, Spell
from tests.simulation.provider import READ_TIMEOUT_MS, Fault
from tests.simulation.scheduler import MINUTE, SECOND, Scheduler
from tests.simulation.simulation import Simulation

INTERVAL_MS = MINUTE
CREATED_MS = 10 * SECOND
BAD_FROM_MS, BAD_UNTIL_MS = 3 * MINUTE, 40 * MINUTE
ORPHAN = f"shopper-{DEPLOYMENTS[0]}-99999999-0000-4000-8000-000000000001-1"
SLACK_MS = SECOND
"""A pass takes a few hundred milliseconds, and no two take quite as many."""

TROUBLES = {
    "fails": Fault(ProviderUnavailable("500")),
    "hangs": Fault(ProviderUnavailable("no answer"), wait_ms=READ_TIMEOUT_MS),
    "never answers": Fault(ProviderUnavailable("no answer"), wait_ms=24 * 60 * MINUTE),
    "is throttled": Fault(RateLimited("slowly")),
    "is throttled for long": Fault(RateLimited("slowly", retry_after_s=600)),
}


class OneInTrouble(RandomFaults):
    """Every call to one provider comes to the same bad end for more than half an hour."""

    def __init__(self, plan: Plan, scheduler: Scheduler, provider: str, trouble: Fault) -> None:
        super().__init__(plan, scheduler)
        self._provider, self._trouble = provider, trouble

    def of_call(self, provider: str, method: str) -> Fault | None:
        bad = BAD_FROM_MS <= self.scheduler.now_ms < BAD_UNTIL_MS
        return self._trouble if bad and provider == self._provider else None


class Passes:
    """When passes over each provider were completed."""

    def __init__(self, simulation: Simulation) -> None:
        self.ended_ms: dict[str, list[int]] = {one: [] for one in PROVIDERS}
        rows = simulation.deployments[DEPLOYMENTS[0]].rows["OperationsTable"]
        rows.watches.append(self._written)

    def _written(self, _before: Any, after: Any) -> None:
        sweep, _, provider = (after or {"pk": ""})["pk"].rpartition("#")
        if sweep == "SWEEP#reconcile":
            self.ended_ms[provider].append(ms_of(after["at"]))

    def longest_gap_ms(self, provider: str) -> int:
        """Between two passes over it, from first to last."""
        return max(later - sooner for sooner, later in pairwise(self.ended_ms[provider]))

    def during_trouble(self, provider: str) -> int:
        """Passes completed while one provider was in trouble, but for its first minute."""
        span = range(BAD_FROM_MS + INTERVAL_MS, BAD_UNTIL_MS)
        return sum(at_ms in span for at_ms in self.ended_ms[provider])


def _plan(troubled: str) -> Plan:
    rentals = [
        Rental(
            deployment_id=DEPLOYMENTS[0],
            consumer_id="alice",
            provider=provider,
            offer=0,
            create_ms=CREATED_MS,
            hours=1,
            ssh_timeout_min=3,
            extend=(),
            stop_after_ms=None,
        )
        for provider in PROVIDERS
    ]
    plan = Plan(
        seed=100,  # a noisy one: its quiet hours are played too
        odds=Odds(),
        deployments=DEPLOYMENTS[:1],
        providers=PROVIDERS,
        rentals=rentals,
    )
    # For those who judge; the faults themselves are those of `OneInTrouble`.
    plan.spells = [Spell(troubled, BAD_FROM_MS, BAD_UNTIL_MS, (), 0)]
    plan.faults_end_ms = BAD_UNTIL_MS + 40 * MINUTE
    return plan


def played(troubled: str, trouble: Fault, orphan_at: str) -> tuple[Simulation, Passes]:
    """An hour in which `troubled` is so, and an orphan appears at `orphan_at` in the middle."""
    plan = _plan(troubled)
    simulation = Simulation(plan, partial(OneInTrouble, provider=troubled, trouble=trouble))
    cloud = simulation.clouds[orphan_at]
    appears = partial(_appears, cloud)
    simulation.scheduler.at(BAD_FROM_MS + 10 * MINUTE, appears)
    for one in simulation.clouds.values():
        one.nature = Nature
    passes = Passes(simulation)
    simulation.play()
    return simulation, passes


def _appears(cloud: Cloud) -> None:
    cloud.create(ORPHAN, 300_000, set(), Nature())


def orphan_of(cloud: Cloud) -> Machine:
    """The one machine that no session knows."""
    (orphan,) = (one for one in cloud.machines.values() if one.label == ORPHAN)
    return orphan


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("troubled", PROVIDERS)
def test_trouble_at_one_provider_delays_no_pass_over_the_other(troubled: str, trouble: str) -> None:
    """N-28: nor its orphan's end; and the sessions at both end as they should."""
    (other,) = set(PROVIDERS) - {troubled}
    simulation, passes = played(troubled, TROUBLES[trouble], orphan_at=other)
    assert passes.longest_gap_ms(other) <= INTERVAL_MS + SLACK_MS
    assert passes.during_trouble(troubled) == 0
    orphan = orphan_of(simulation.clouds[other])
    assert orphan.gone_ms - orphan.created_ms <= INTERVAL_MS + 10 * SECOND
    watch = simulation.deployments[DEPLOYMENTS[0]].watch
    assert {seen.item["end_reason"] for seen in watch.sessions.values()} == {"expired"}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_provider_is_looked_after_again_when_its_trouble_is_over(trouble: str) -> None:
    """N-28: its own orphan goes then, with the first complete pass."""
    simulation, passes = played("vastai", TROUBLES[trouble], orphan_at="vastai")
    orphan = orphan_of(simulation.clouds["vastai"])
    again_ms = min(at_ms for at_ms in passes.ended_ms["vastai"] if at_ms >= BAD_UNTIL_MS)
    assert BAD_UNTIL_MS <= orphan.gone_ms <= again_ms + 10 * SECOND
    assert again_ms <= BAD_UNTIL_MS + 10 * INTERVAL_MS


def test_passes_one_after_the_other_would_wait_for_each_other() -> None:
    """N-71: it is the passes' being apart that the tests above see."""

    def both(deps: Deps, _probe: object, event: dict[str, str]) -> None:
        if event["provider"] == PROVIDERS[0]:
            for provider in PROVIDERS:
                reconcile(deps, provider)

    with patch.dict(FUNCTIONS, ReconcileFunction=both):
        _, passes = played(PROVIDERS[0], TROUBLES["never answers"], orphan_at=PROVIDERS[0])
    assert passes.longest_gap_ms(PROVIDERS[1]) > 10 * INTERVAL_MS
