"""Before a launch: what is left at the provider pays for an hour, or nothing is sent."""

from __future__ import annotations

import pytest

from gpu_shopper.core.balances import Balance
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import ProviderAuth, ProviderError, ProviderUnavailable
from gpu_shopper.store import operations
from gpu_shopper.usecases.balances import watch_balance
from gpu_shopper.usecases.provision import launch
from tests.builders import NOON, an_offer, later
from tests.usecases.market import another, offers
from tests.world import BOB, World

PRICE = an_offer().price_microusd_per_hour


def launched(world: World, left: int | None, read: int | None = None) -> EndReason | None:
    """Why a launch failed, after `read` was read of the balance and `left` is there; None: sent."""
    if read is not None:
        world.vast.left = read
        watch_balance(world.deps, "vastai")
        world.clock.tick(61)
        world.publish()
    world.vast.left = left
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    return world.session(session_id).end_reason


def test_too_little_for_one_hour_ends_the_attempt_before_anything_is_sent(world: World) -> None:
    assert launched(world, PRICE - 1, read=1) is EndReason.PROVIDER_UNAVAILABLE
    assert world.vast.count("launch") == 0
    (told,) = [fact for fact in world.facts if fact.operation == "balance_too_low"]
    assert told.details["left_usd"] == (PRICE - 1) / 1_000_000


def test_callers_are_not_told_how_much_is_left(world: World) -> None:
    world.vast.left = 123_456
    watch_balance(world.deps, "vastai")
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    ended = world.session(session_id)
    assert ended.state is State.FAILED
    assert ended.error == "too little is left on the account at vastai to pay for this machine"


def test_exactly_one_hour_is_enough(world: World) -> None:
    assert launched(world, PRICE, read=1) is None
    assert world.vast.count("launch") == 1


def test_topping_up_is_seen_by_the_next_launch_a_minute_later(world: World) -> None:
    assert launched(world, 10_000_000, read=0) is None
    assert world.vast.count("balance") == 2


def test_plenty_is_not_asked_for_again(world: World) -> None:
    assert launched(world, 0, read=5_000_000) is None
    assert world.vast.count("balance") == 1


def test_a_balance_never_read_refuses_nothing_and_is_not_asked_for(world: World) -> None:
    assert launched(world, 0) is None
    assert world.vast.count("balance") == 0


@pytest.mark.parametrize("error", [ProviderUnavailable("503"), ProviderAuth("no right")])
def test_a_balance_that_cannot_be_read_again_refuses_nothing(
    world: World, error: ProviderError
) -> None:
    world.vast.left = 0
    watch_balance(world.deps, "vastai")
    world.vast.errors["balance"] = [error]
    world.clock.tick(61)
    assert launched(world, 0) is None


def test_a_key_that_may_not_see_the_balance_any_more_refuses_nothing(world: World) -> None:
    assert launched(world, None, read=0) is None


def test_launches_of_one_minute_ask_once(world: World) -> None:
    assert launched(world, 0, read=0) is EndReason.PROVIDER_UNAVAILABLE
    session_id = world.create(BOB).session.id
    launch(world.deps, session_id, 1)
    assert world.session(session_id).end_reason is EndReason.PROVIDER_UNAVAILABLE
    assert world.vast.count("balance") == 2


def test_a_question_that_somebody_else_has_just_asked_is_not_asked_again(world: World) -> None:
    """The provider says no by itself, if it has to."""
    world.vast.left = 0
    watch_balance(world.deps, "vastai")
    world.vast.errors["balance"] = [ProviderUnavailable("503")]
    world.clock.tick(61)
    world.vast.offers.append(another(2001))
    world.publish()
    assert launched(world, 0) is None
    session_id = world.create(BOB, offer_id="vastai-2001").session.id
    launch(world.deps, session_id, 1)
    assert world.session(session_id).end_reason is None
    assert world.vast.count("balance") == 2


def test_another_offer_is_tried_when_the_caller_wants_that(market: World) -> None:
    market.vast.left = 390_000
    watch_balance(market.deps, "vastai")
    session_id = market.create(auto_retry=True).session.id
    launch(market.deps, session_id, 1)
    launch(market.deps, session_id, 2)
    assert offers(market, session_id) == ["vastai-1001", "vastai-2001"]
    assert market.session(session_id).attempt.instance_id == "5001"


def test_an_older_answer_does_not_replace_a_newer_one(world: World) -> None:
    table = world.deps.operations
    newer = Balance(left_microusd=7, read_at=later(1))
    for read in (newer, Balance(left_microusd=0, read_at=NOON)):
        operations.remember_balance(table, "vastai", read)
    assert operations.last_balance(table, "vastai") == newer
