"""What is counted of calls to providers: every one that is asked for, once, with its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from gpu_shopper.core.instances import Health
from gpu_shopper.errors.provider import (
    BadProviderReply,
    CircuitOpen,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
    TooSoon,
)
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.measuring import Meter
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import an_instance
from tests.metering import auditing, fitting
from tests.world import World

TYPES: list[tuple[ProviderError, str]] = [
    (ProviderAuth("no"), "auth"),
    (RateLimited("429"), "rate_limited"),
    (TooSoon("wait", retry_after_s=1.0), "rate_limited"),
    (ProviderUnavailable("503"), "unavailable"),
    (ProviderUnavailable("no answer", timed_out=True), "timeout"),
    (LaunchUncertain("no answer", timed_out=True), "timeout"),
    (BadProviderReply("HTML"), "bad_reply"),
    (OfferGone("gone"), "offer_gone"),
    (NoCapacity("none"), "offer_gone"),
    (LaunchRejected("no"), "other"),
    (RentedDespiteError("but", instance_id="1"), "other"),
]


@dataclass
class Metered:
    """A guarded provider whose calls take a quarter of a second."""

    world: World
    facts: list[Fact] = field(default_factory=list)
    at_s: float = 0.0

    def clock_s(self) -> float:
        self.at_s += 0.25
        return self.at_s

    @property
    def provider(self) -> GuardedProvider:
        deps = self.world.deps
        meter = Meter("vastai", fitting(self.facts.append), self.clock_s)
        audit = auditing(deps)
        return GuardedProvider(
            self.world.vast, deps.operations, deps.now, deps.settings, meter, audit
        )

    def told(self) -> list[tuple[Mapping[str, float], Mapping[str, str]]]:
        return [(fact.metrics, fact.dimensions) for fact in self.facts]


@pytest.fixture
def metered(world: World) -> Metered:
    return Metered(world)


def test_a_call_that_is_answered_is_counted_with_its_time(metered: Metered) -> None:
    """6.1: by provider, operation and result."""
    metered.provider.list_instances()
    assert metered.told() == [
        (
            {"ProviderCalls": 1, "ProviderLatency": 250.0},
            {"Operation": "list_instances", "Result": "success"},
        )
    ]
    assert metered.facts[0].provider == "vastai"
    assert metered.facts[0].operation == "", "nothing for the audit"


@pytest.mark.parametrize(("error", "word"), TYPES, ids=[type(one).__name__ for one, _ in TYPES])
def test_every_error_is_counted_once_by_operation_and_kind(
    metered: Metered, error: ProviderError, word: str
) -> None:
    """X-18: what the alarms watch."""
    metered.world.vast.errors["find"] = [error]
    with pytest.raises(type(error)):
        metered.provider.find("1")
    (fact,) = metered.facts
    assert (fact.metrics["ProviderCalls"], fact.metrics["ProviderErrors"]) == (1, 1)
    assert fact.dimensions == {"Operation": "find", "Result": "error", "ErrorType": word}
    sent = not isinstance(error, TooSoon)
    assert ("ProviderLatency" in fact.metrics) is sent, "only what reached the network has a time"


def test_a_defect_of_an_adapter_is_an_error_too(metered: Metered) -> None:
    def broken() -> None:
        raise KeyError("id")

    metered.world.vast.before["list_offers"] = broken
    with pytest.raises(KeyError):
        metered.provider.list_offers()
    (fact,) = metered.facts
    assert fact.dimensions["ErrorType"] == "other"


def test_a_call_behind_an_open_circuit_is_counted_as_that_and_is_no_error(
    metered: Metered,
) -> None:
    """M-48: the circuit is told at each change, and at no other time."""
    metered.world.vast.errors["list_offers"] = [ProviderUnavailable("503")]
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            metered.provider.list_offers()
    with pytest.raises(CircuitOpen):
        metered.provider.find("1")
    assert metered.told()[-2:] == [
        ({"CircuitState": 2}, {}),
        ({"ProviderCalls": 1}, {"Operation": "find", "Result": "circuit_open"}),
    ]
    metered.world.clock.tick(30)
    metered.world.vast.errors.clear()
    metered.provider.find("1")
    states = [one["CircuitState"] for one, _ in metered.told() if "CircuitState" in one]
    assert states == [2, 1, 0]


def test_a_probe_that_fails_opens_the_circuit_again(metered: Metered) -> None:
    metered.world.vast.errors["find"] = [ProviderUnavailable("503")]
    for _ in range(5):
        with pytest.raises(ProviderUnavailable):
            metered.provider.find("1")
    metered.world.clock.tick(30)
    with pytest.raises(ProviderUnavailable):
        metered.provider.find("1")
    states = [one["CircuitState"] for one, _ in metered.told() if "CircuitState" in one]
    assert states == [2, 1, 2]


def test_keys_that_could_not_be_attached_are_an_error(metered: Metered) -> None:
    """The adapter says it in words instead of raising."""
    metered.world.vast.key_errors = ["no", None]
    metered.provider.attach_ssh_keys("1", [])
    metered.provider.attach_ssh_keys("1", [])
    assert [words["Result"] for _, words in metered.told()] == ["error", "success"]
    assert [one.get("ProviderErrors") for one, _ in metered.told()] == [1, None]


def test_status_words_without_a_meaning_are_counted(metered: Metered) -> None:
    """6.1: a word that we do not know is told, and nothing is concluded from it."""
    strange = replace(an_instance(id="1"), health=Health.UNKNOWN, status="hibernating")
    metered.world.vast.instances = {"1": strange, "2": an_instance(id="2")}
    metered.provider.list_instances()
    metered.provider.find("1")
    metered.provider.find("2")
    found = [one for one, _ in metered.told() if "UnknownProviderStatus" in one]
    assert found == [{"UnknownProviderStatus": 1}, {"UnknownProviderStatus": 1}]


def test_every_run_of_a_sweep_tells_how_long_it_took_and_a_good_one_that_it_did(
    world: World,
) -> None:
    """6.1: a run that fails has a duration and no completion."""
    world.clock.tick(60)
    expire_sessions(world.deps)
    reconcile(world.deps, "vastai")
    refresh_inventory(world.deps, "vastai")
    world.vast.errors["list_instances"] = [ProviderUnavailable("503")]
    world.vast.before["list_instances"] = lambda: world.clock.tick(2.5)
    reconcile(world.deps, "vastai")
    swept = [
        (fact.dimensions["Sweep"], fact.provider, metric, value)
        for fact in world.facts
        for metric, value in fact.metrics.items()
        if metric in ("SweepCompleted", "SweepDuration")
    ]
    assert swept == [
        ("lifecycle", None, "SweepCompleted", 1),
        ("lifecycle", None, "SweepDuration", 0),
        ("reconcile", "vastai", "SweepCompleted", 1),
        ("reconcile", "vastai", "SweepDuration", 0),
        ("inventory", "vastai", "SweepCompleted", 1),
        ("inventory", "vastai", "SweepDuration", 0),
        ("reconcile", "vastai", "SweepDuration", 2_500),
    ]
