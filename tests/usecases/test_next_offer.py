"""Which offer the next attempt gets: comparable, free, trusted; and its guard."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.core.failures import Failure, FailureType, Suppression
from gpu_shopper.core.instances import Instance, LaunchRequest
from gpu_shopper.core.session import RetryScope
from gpu_shopper.errors.provider import NoCapacity
from gpu_shopper.store import failures, inventory
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.provision import launch
from tests.builders import an_offer
from tests.usecases import docked
from tests.usecases.market import (
    another,
    offers,
    wanting_retries,
)
from tests.usecases.story import stop
from tests.world import ALICE, BOB, World


def test_offers_of_others_and_of_ones_own_are_passed_over(market: World) -> None:
    """2.6, 2.8: bob's pending session and alice's own."""
    market.create(BOB, offer_id="vastai-2001")
    market.create(ALICE, offer_id="vastai-2002")
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(market.deps, session_id, 1)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2003"]


def test_another_provider_is_tried_with_the_disk_that_it_rents_at_least(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.6, 1.4: scope `any`; TensorDock rents 100 GB, and the price with them is accepted."""
    dock = docked.rented_from(market)
    requests: list[LaunchRequest] = []
    rent = dock._rent

    def renting(request: LaunchRequest) -> Instance:
        requests.append(request)
        return rent(request)

    monkeypatch.setattr(dock, "_rent", renting)
    market.vast.offers = [an_offer(vram_gb=24, price_microusd_per_hour=600_000)]
    market.clock.tick(1)
    market.publish()
    session_id = wanting_retries(market, retry_scope=RetryScope.ANY)
    market.vast.errors["launch"] = [NoCapacity("sold out")]
    launch(market.deps, session_id, 1)
    launch(market.deps, session_id, 2)
    (request,) = requests
    attempt = market.session(session_id).attempt
    assert (attempt.provider, request.disk_gb) == ("tensordock", 100)
    assert attempt.accepted_price == request.offer.price_with_disk(100)
    assert market.session(session_id).wish.disk_gb == 50


def test_suppressed_and_withdrawn_offers_are_passed_over(market: World) -> None:
    """X-15, 2.6: three failures of one machine, and an offer that is known to be gone."""
    table = market.deps.inventory.table
    until = market.clock.at + timedelta(seconds=1)
    bad = Suppression(offer_id="vastai-9", machine_id="m2001", at=market.clock.at, until=until)
    failures.suppress(table, "vastai", bad)
    inventory.withdraw(table, "vastai", "vastai-2002", market.clock.at, 60)
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(market.deps, session_id, 1)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2003"]


def test_the_refusal_itself_counts_when_the_next_offer_is_chosen(market: World) -> None:
    """2.5: the third machine of a GPU type that fails makes the others of the type less trusted."""
    for number in (11, 12):
        lately = Failure(
            provider="vastai",
            offer_id=f"vastai-{number}",
            gpu_type="RTX 4090",
            type=FailureType.NO_CAPACITY,
            at=market.clock.at,
        )
        failures.remember(market.deps.inventory.table, lately, f"other-{number}", 1, 3_600)
    market.vast.offers.append(another(2004, gpu_type="RTX 3090", base_confidence=0.5))
    market.clock.tick(1)
    market.publish()
    session_id = wanting_retries(market, retry_scope=RetryScope.SAME_VRAM)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(market.deps, session_id, 1)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2004"]


def test_an_offer_taken_at_the_last_moment_leaves_the_next_best(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.8: the guard is moved in the transaction, and that one fails."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    market.create(ALICE, offer_id="vastai-2001")
    monkeypatch.setattr("gpu_shopper.usecases.retrying._held", lambda *_: frozenset())
    launch(market.deps, session_id, 1)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2002"]


def test_the_guard_follows_the_session_to_its_next_offer(market: World) -> None:
    """2.8: the failed offer is free again, the new one is held, and the end frees it."""
    session_id = wanting_retries(market)
    market.vast.errors["launch"] = [NoCapacity("sold out"), None]
    launch(market.deps, session_id, 1)
    assert store.holder(market.deps.sessions, "alice", "vastai-1001") is None
    assert store.holder(market.deps.sessions, "alice", "vastai-2001") is not None
    stop(market, session_id)
    assert store.holder(market.deps.sessions, "alice", "vastai-2001") is None
