"""Circuit breakers: shared, quick to refuse, careful to try again, never in the way of an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from gpu_shopper.core.breaker import counts
from gpu_shopper.core.charges import Charge
from gpu_shopper.core.states import EndReason
from gpu_shopper.errors.provider import (
    BadProviderReply,
    CircuitOpen,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    TooSoon,
)
from gpu_shopper.providers.port import Provider, ShowsLogs, TellsBalance, TellsCharges
from gpu_shopper.store import breakers
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.provision import launch
from tests.builders import NOON
from tests.metering import auditing, silent
from tests.world import World


def guarded(world: World) -> GuardedProvider:
    """The provider as one more function would wire it: nothing but the table is shared."""
    deps = world.deps
    return GuardedProvider(
        world.vast, deps.operations, deps.now, deps.settings, silent("vastai"), auditing(deps)
    )


def fail(world: World, times: int) -> None:
    world.vast.errors["list_offers"] = [ProviderUnavailable("503")]
    for _ in range(times):
        with pytest.raises(ProviderUnavailable):
            guarded(world).list_offers()


def test_five_failures_in_a_row_open_the_circuit_for_every_function(world: World) -> None:
    """M-48: the sixth call makes none, wherever it comes from."""
    fail(world, 5)
    with pytest.raises(CircuitOpen):
        guarded(world).list_instances()
    assert world.vast.calls[-1] == ("list_offers", "")


def test_four_failures_and_an_answer_begin_the_row_anew(world: World) -> None:
    """M-48: five in a row, not five in all."""
    fail(world, 4)
    guarded(world).list_instances()
    fail(world, 4)
    guarded(world).list_instances()


def test_after_thirty_seconds_one_call_probes_and_success_closes(world: World) -> None:
    """M-48: not a second before, and exactly one."""
    fail(world, 5)
    world.vast.errors.clear()
    world.clock.tick(29)
    with pytest.raises(CircuitOpen):
        guarded(world).list_instances()
    world.clock.tick(1)
    refused = []

    def others_try() -> None:
        for _ in range(20):
            with pytest.raises(CircuitOpen):
                guarded(world).list_offers()
            refused.append(1)

    world.vast.before["list_instances"] = others_try
    guarded(world).list_instances()
    assert len(refused) == 20
    guarded(world).list_offers()


def test_a_failed_probe_opens_the_circuit_for_another_while(world: World) -> None:
    """M-48."""
    fail(world, 5)
    world.clock.tick(30)
    fail(world, 1)
    world.clock.tick(29)
    with pytest.raises(CircuitOpen):
        guarded(world).list_offers()


def test_a_probe_that_nobody_finished_is_taken_over(world: World) -> None:
    """M-48: the function that probed may have died."""
    fail(world, 5)
    world.vast.errors.clear()
    world.clock.tick(30)

    def die() -> None:
        raise KeyboardInterrupt

    world.vast.before["list_offers"] = die
    with pytest.raises(KeyboardInterrupt):
        guarded(world).list_offers()
    with pytest.raises(CircuitOpen):
        guarded(world).list_offers()
    world.clock.tick(30)
    guarded(world).list_offers()


def test_an_end_is_asked_for_whatever_the_circuit_says(world: World) -> None:
    """M-48: and its success closes the circuit."""
    fail(world, 5)
    guarded(world).terminate("5001")
    assert world.vast.calls[-1] == ("terminate", "5001")
    assert breakers.read(world.deps.operations, "vastai").opened_at is None


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (ProviderUnavailable(), True),
        (RateLimited(), True),
        (LaunchUncertain(), True),
        (BadProviderReply(), False),
        (ProviderAuth(), False),
        (OfferGone(), False),
        (NoCapacity(), False),
    ],
)
def test_what_counts_against_a_provider(error: ProviderError, counted: bool) -> None:
    """M-48: 5xx, 429, time-outs; other answers are answers."""
    assert counts(error) is counted


def test_a_call_that_was_held_back_says_nothing_of_the_provider(world: World) -> None:
    """5.0: it was not sent, so it neither ends a row of failures nor is one more of it."""
    held_back, failure = TooSoon("the line is long", retry_after_s=7), ProviderUnavailable("503")
    world.vast.errors["find"] = [*[held_back] * 9, *[failure] * 4, held_back, failure]
    for _ in range(9):
        with pytest.raises(TooSoon):
            guarded(world).find("5001")
    for _ in range(6):
        with pytest.raises((ProviderUnavailable, TooSoon)):
            guarded(world).find("5001")
    with pytest.raises(CircuitOpen):
        guarded(world).find("5001")


def test_a_launch_at_an_open_circuit_rents_nothing_for_certain(world: World) -> None:
    """2.9: no label has to be looked for."""
    world.vast.errors["launch"] = [CircuitOpen("open")]
    session_id = world.create().session.id
    assert launch(world.deps, session_id, 1).outcome == "done"
    assert world.session(session_id).end_reason is EndReason.PROVIDER_UNAVAILABLE


class Plain:
    """The five methods, and nothing besides."""

    name = "vastai"

    def __init__(self, world: World) -> None:
        self.list_offers = world.vast.list_offers
        self.launch = world.vast.launch
        self.find = world.vast.find
        self.list_instances = world.vast.list_instances
        self.terminate = world.vast.terminate


class Able(Plain):
    """Everything that a provider can besides."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._world = world

    def balance(self) -> int:
        return self._asked(5)

    def charges(self, start: datetime, end: datetime) -> list[Charge]:
        return self._asked(
            [Charge(instance_id="1", label=None, start=start, end=end, amount_microusd=1)]
        )

    def logs(self, instance_id: str) -> str:
        return self._asked(f"of {instance_id}")

    def _asked[T](self, answer: T) -> T:
        self._world.vast.list_offers()
        return answer


CAPABILITIES = (TellsBalance, TellsCharges, ShowsLogs)


def behind(world: World, inner: Provider) -> GuardedProvider:
    deps = world.deps
    return GuardedProvider(
        inner, deps.operations, deps.now, deps.settings, silent("vastai"), auditing(deps)
    )


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_guarded_provider_can_exactly_what_the_provider_can(
    world: World, capability: type
) -> None:
    assert isinstance(behind(world, Able(world)), capability)
    assert not isinstance(behind(world, Plain(world)), capability)


def capable(world: World) -> list[Callable[[], object]]:
    provider = behind(world, Able(world))
    assert isinstance(provider, TellsBalance)
    assert isinstance(provider, TellsCharges)
    assert isinstance(provider, ShowsLogs)
    return [
        provider.balance,
        lambda: provider.charges(NOON, NOON)[0].amount_microusd,
        lambda: provider.logs("7"),
    ]


def test_what_a_provider_can_besides_goes_through_its_breaker(world: World) -> None:
    """M-48: refused while it is open, and counted."""
    assert [call() for call in capable(world)] == [5, 1, "of 7"]
    fail(world, 4)
    with pytest.raises(ProviderUnavailable):
        capable(world)[0]()
    for call in capable(world):
        with pytest.raises(CircuitOpen):
            call()


def told_of_outages(world: World) -> list[tuple[str, str | None]]:
    """The stored events about the provider's circuit, oldest first."""
    rows = sorted(world.deps.audit.scan()["Items"], key=lambda row: str(row["sk"]))
    return [
        (str(row["operation"]), str(row["reason"]) if "reason" in row else None)
        for row in rows
        if str(row["operation"]).startswith("provider_")
    ]


def test_an_outage_is_told_once_when_the_circuit_opens_and_once_when_it_closes(
    world: World,
) -> None:
    """6.3, 1.9 provider.unavailable: failed probes in between are the same outage."""
    fail(world, 4)
    assert told_of_outages(world) == []
    fail(world, 1)
    down = ("provider_unavailable", "provider_unavailable")
    assert told_of_outages(world) == [down]
    world.clock.tick(30)
    fail(world, 1)
    assert told_of_outages(world) == [down]
    world.clock.tick(30)
    world.vast.errors.clear()
    guarded(world).list_offers()
    guarded(world).list_offers()
    assert told_of_outages(world) == [down, ("provider_recovered", None)]


def test_two_functions_that_see_the_last_failure_tell_of_one_outage(world: World) -> None:
    """The write that opens the circuit holds the event: whoever loses it tells nothing."""
    fail(world, 4)

    def another_fails() -> None:
        world.vast.before.clear()
        fail(world, 1)

    world.vast.before["list_offers"] = another_fails
    with pytest.raises(ProviderUnavailable):
        guarded(world).list_offers()
    assert len(told_of_outages(world)) == 1
