"""Automatic retry after a launch that rented nothing: the next offer, the same session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.costs import session_cost
from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import (
    CircuitOpen,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.usecases.provision import launch
from tests.builders import PUBLIC_KEY, an_offer
from tests.usecases.market import (
    another,
    offers,
    outcomes,
    wanting_retries,
)
from tests.usecases.player import Player
from tests.usecases.story import DONE
from tests.world import World

REFUSALS = [
    (OfferGone("no_such_ask"), EndReason.STALE_INVENTORY),
    (NoCapacity("sold out"), EndReason.NO_CAPACITY),
    (CircuitOpen("asked again soon"), EndReason.PROVIDER_UNAVAILABLE),
]


@pytest.mark.parametrize(("error", "reason"), REFUSALS)
def test_after_a_refusal_the_next_offer_is_launched_at_once(
    market: World, error: ProviderError, reason: EndReason
) -> None:
    """N-15, M-110: same session, same key, same expiry; nothing was rented, nothing is paid."""
    created = market.create(auto_retry=True).session
    market.vast.errors["launch"] = [error, None]
    assert launch(market.deps, created.id, 1) == DONE
    pending = market.session(created.id)
    assert (pending.state, pending.attempt.number) == (State.PENDING, 2)
    assert market.machines.started[-1][:3] == ("provision", created.id, 2)
    Player(market).until(created.id, State.RUNNING)
    running = market.session(created.id)
    assert (running.expires_at, running.wish) == (created.expires_at, created.wish)
    assert offers(market, created.id) == ["vastai-1001", "vastai-2001"]
    assert outcomes(market, created.id) == [(Outcome.REFUSED, reason), (Outcome.READY, None)]
    assert market.vast.keys["5001"] >= {PUBLIC_KEY}
    assert running.attempts[0].ended_at == created.created_at
    assert session_cost(replace(running, attempts=running.attempts[:1]), market.clock.at) == 0


@pytest.mark.parametrize("error", [ProviderAuth("bad key"), LaunchRejected("bad image")])
def test_bad_credentials_and_bad_requests_are_not_tried_elsewhere(
    market: World, error: ProviderError
) -> None:
    """M-62, 2.7: the next offer would fare no better."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [error]
    launch(market.deps, session_id, 1)
    session = market.session(session_id)
    assert (session.state, len(session.attempts)) == (State.FAILED, 1)
    assert session.error == error.message
    assert "retry_exhausted" not in market.operations()


def test_without_auto_retry_one_refusal_is_the_end(market: World) -> None:
    """M-8: and nobody speaks of retries."""
    session_id = market.create(max_retries=3).session.id
    market.vast.errors["launch"] = [NoCapacity("sold out")]
    launch(market.deps, session_id, 1)
    assert market.session(session_id).error == "sold out"
    assert market.session(session_id).state is State.FAILED
    assert "retry_exhausted" not in market.operations()


def test_retries_are_exhausted_after_as_many_as_were_allowed(market: World) -> None:
    """N-16: the end has the last attempt's reason, and is told once."""
    session_id = wanting_retries(market, max_retries=2)
    market.vast.errors["launch"] = [NoCapacity("sold out"), NoCapacity("sold out"), OfferGone("no")]
    Player(market).until(session_id, State.FAILED)
    session = market.session(session_id)
    assert session.end_reason is EndReason.STALE_INVENTORY
    assert session.error == "no; retries exhausted (2)"
    assert offers(market, session_id) == ["vastai-1001", "vastai-2001", "vastai-2002"]
    assert {one.outcome for one in session.attempts} == {Outcome.REFUSED}
    (told,) = [fact for fact in market.facts if fact.operation == "retry_exhausted"]
    assert (told.metrics, told.dimensions) == ({"RetriesExhausted": 1}, {"Scope": "same_gpu"})


def test_without_a_comparable_offer_the_session_fails(world: World) -> None:
    """N-16: and says so."""
    session_id = wanting_retries(world)
    world.vast.errors["launch"] = [NoCapacity("sold out")]
    launch(world.deps, session_id, 1)
    session = world.session(session_id)
    assert (session.state, session.end_reason) == (State.FAILED, EndReason.NO_CAPACITY)
    assert session.error == "sold out; no comparable offer"
    assert "retry_exhausted" in world.operations()


def test_an_offer_withdrawn_before_the_launch_is_retried_without_a_call(market: World) -> None:
    """M-110: the provider is not asked for it, and each change of state is told once."""
    session_id = wanting_retries(market)
    market.vast.offers = market.vast.offers[1:]
    market.clock.tick(5)
    market.publish()
    launch(market.deps, session_id, 1)
    assert market.vast.calls == []
    assert outcomes(market, session_id)[0] == (Outcome.REFUSED, EndReason.STALE_INVENTORY)
    assert offers(market, session_id)[-1] == "vastai-2001"
    steps = [fact.details for fact in market.facts if "event" in fact.details]
    assert [(one["event"], one["from"], one["to"]) for one in steps] == [
        ("launch", "pending", "provisioning"),
        ("retry_launch", "provisioning", "pending"),
    ]
    assert len({one["version"] for one in steps}) == 2


@pytest.mark.parametrize(
    ("wish", "price", "reason"),
    [
        ({"max_price_microusd_per_hour": 410_000}, 410_001, EndReason.PRICE_ABOVE_MAX),
        ({}, 420_001, EndReason.PRICE_MISMATCH),
    ],
)
def test_an_offer_that_became_too_dear_is_retried_without_a_call(
    market: World, wish: dict[str, Any], price: int, reason: EndReason
) -> None:
    """N-77: above the caller's cap, or 5 % above what was accepted."""
    session_id = wanting_retries(market, **wish)
    dearer = [market.vast.offers[0]._replace(price_microusd_per_hour=price)]
    market.vast.offers[:1] = dearer
    market.clock.tick(5)
    market.publish()
    launch(market.deps, session_id, 1)
    assert market.vast.calls == []
    assert outcomes(market, session_id)[0] == (Outcome.REFUSED, reason)


def test_a_later_attempt_is_not_launched_above_the_scopes_cap(market: World) -> None:
    """N-77: 470,000 is within 5 % of the 460,000 accepted, and 1.2 × 390,000 is less."""
    market.vast.offers[0] = an_offer(price_microusd_per_hour=390_000)
    market.vast.offers[1:] = [another(2001, price_microusd_per_hour=460_000)]
    market.clock.tick(1)
    market.publish()
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(market.deps, session_id, 1)
    market.vast.offers[1] = another(2001, price_microusd_per_hour=470_000)
    market.clock.tick(1)
    market.publish()
    launch(market.deps, session_id, 2)
    session = market.session(session_id)
    assert (session.state, session.end_reason) == (State.FAILED, EndReason.PRICE_ABOVE_MAX)
    assert market.vast.count("launch") == 1


def test_a_rate_limit_that_does_not_pass_is_retried_with_another_offer(market: World) -> None:
    """2.7: provider_unavailable, and surely nothing rented."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [*[RateLimited("slow down")] * 4, None]
    Player(market).until(session_id, State.RUNNING)
    assert outcomes(market, session_id)[0] == (Outcome.REFUSED, EndReason.PROVIDER_UNAVAILABLE)


def test_an_unclear_launch_is_retried_once_it_is_proven_that_nothing_was_rented(
    market: World,
) -> None:
    """N-16, N-19, M-105: two listings, 30 s apart, and not before."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [LaunchUncertain("cut off"), None]
    started = market.clock.at
    Player(market).until(session_id, State.RUNNING)
    first, second = market.session(session_id).attempts
    assert (first.outcome, first.reason) == (Outcome.REFUSED, EndReason.PROVIDER_UNAVAILABLE)
    assert (second.started_at - started).total_seconds() >= 90


def test_an_unclear_launch_that_stays_unclear_is_not_retried(market: World) -> None:
    """M-105: five minutes of failing listings: stopping, for ever looking, no second machine."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [LaunchUncertain("cut off")]
    market.vast.rents_despite_error = True
    market.vast.errors["list_instances"] = [ProviderUnavailable("down")]
    player = Player(market)
    player.until(session_id, State.STOPPING)
    assert market.session(session_id).end_reason is EndReason.PROVISION_TIMEOUT
    market.vast.errors.clear()
    player.until(session_id, State.FAILED)
    assert (market.vast.instances, market.vast.count("launch")) == ({}, 1)
