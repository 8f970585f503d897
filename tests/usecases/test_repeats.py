"""Requests that are sent again: one session, and its secrets for a quarter of an hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gpu_shopper.core.repeats import KeyedRequest, body_digest
from gpu_shopper.core.states import State
from gpu_shopper.errors import (
    Conflict,
    DuplicateSession,
    IdempotencyMismatch,
    OfferNotFound,
    PriceAboveMax,
    StaleInventory,
)
from gpu_shopper.store import repeats as repeats_store
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import repeats, sessions
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.provision import launch
from tests.usecases.story import stop
from tests.world import ALICE, BOB, World

REPEATED_S, SECRETS_S = 24 * 3_600, 900


def keyed(key: str = "key-1", consumer_id: str = "alice", **body: Any) -> KeyedRequest:
    return KeyedRequest(consumer_id=consumer_id, key=key, body_sha256=body_digest(body))


def create(world: World, request: KeyedRequest | None = None, **wanted: Any) -> sessions.Created:
    """A session whose key pair is made here."""
    return world.create(ALICE, request or keyed(), ssh_public_key=None, **wanted)


def items(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.deps.sessions.scan()["Items"]
    return [item for item in found if item["sk"] == "REQUEST"]


def meanwhile(world: World, act: Callable[[], Any]) -> None:
    """Once a request has been judged and before it is recorded, `act` happens."""
    make, waiting = world.deps.new_pair, [act]

    def new_pair(comment: str) -> Any:
        if waiting:
            waiting.pop()()
        return make(comment)

    world.deps = replace(world.deps, new_pair=new_pair)


def test_a_repeat_gets_the_session_as_it_is_now_and_starts_nothing(world: World) -> None:
    """N-8: one session, one launch, one count."""
    first = create(world).session
    launch(world.deps, first.id, 1)
    again = create(world).session
    assert again == world.session(first.id)
    assert again.state is State.PROVISIONING
    assert world.operations().count("session_created") == 1
    assert len(world.machines.started) == 1


def test_after_a_day_a_key_is_new(world: World) -> None:
    """N-8: at 24 h it still stands for its request, a millisecond later it does not."""
    first = create(world).session
    stop(world, first.id)
    world.clock.tick(REPEATED_S)
    world.publish()
    assert create(world).session.id == first.id
    world.clock.tick(0.001)
    second = create(world).session
    assert second.id != first.id
    assert create(world).session.id == second.id
    assert len(items(world)) == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"offer_id": "vastai-9"}, OfferNotFound),
        ({"max_price_microusd_per_hour": 1}, PriceAboveMax),
    ],
)
def test_a_refused_request_leaves_its_key_free(
    world: World, wanted: dict[str, Any], error: type[Exception]
) -> None:
    """N-8: the same key makes a session later, with whatever body."""
    with pytest.raises(error):
        create(world, keyed(body="first"), **wanted)
    assert items(world) == []
    assert create(world, keyed(body="second")).session.state is State.PENDING


def test_a_duplicate_without_the_first_ones_key_leaves_its_key_free(world: World) -> None:
    """N-8, M-47: another key is another request."""
    create(world)
    with pytest.raises(DuplicateSession):
        create(world, keyed("key-2"))
    assert [item["pk"] for item in items(world)] == ["REQUEST#alice#key-1"]


def test_a_key_with_another_body_is_refused_and_names_no_session(world: World) -> None:
    """N-9."""
    first = create(world, keyed(hours=2)).session
    with pytest.raises(IdempotencyMismatch) as refused:
        create(world, keyed(hours=3))
    assert first.id not in refused.value.message
    assert dict(refused.value.extra) == {}


def test_another_consumers_use_of_a_key_is_its_own(world: World) -> None:
    """N-9."""
    mine = create(world).session
    theirs = world.create(BOB, keyed(consumer_id="bob")).session
    assert mine.id != theirs.id


@pytest.mark.parametrize("goes", [True, False])
def test_the_loser_of_two_at_once_gets_the_winners_session(world: World, goes: bool) -> None:
    """N-10: also when what it asks for is gone from the market by then."""
    winners: list[sessions.Created] = []

    def other() -> None:
        winners.append(create(world))
        if goes:
            launch(world.deps, winners[0].session.id, 1)

    meanwhile(world, other)
    loser = create(world)
    assert loser.session.id == winners[0].session.id
    assert loser.secrets == winners[0].secrets
    assert world.operations().count("session_created") == 1


def test_a_request_that_finds_the_market_changed_by_its_twin_gets_its_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-10: it looked for its key before the twin had recorded it, and for its offer after."""
    find, answers = repeats.first_of, [None]
    first = create(world).session
    launch(world.deps, first.id, 1)
    with pytest.raises(StaleInventory):
        world.create(BOB)
    monkeypatch.setattr(sessions, "first_of", lambda *a: answers.pop() if answers else find(*a))
    assert create(world).session.id == first.id


def test_two_bodies_at_once_under_one_key_make_one_session(market: World) -> None:
    """N-9, N-10: the loser, on another offer, is told of the mismatch and leaves nothing."""
    meanwhile(market, lambda: create(market, keyed(body="first")))
    with pytest.raises(IdempotencyMismatch):
        create(market, keyed(body="second"), offer_id="vastai-2001")
    assert market.operations().count("session_created") == 1
    assert store.holder(market.deps.sessions, "alice", "vastai-2001") is None


@pytest.mark.parametrize(("lost", "is_made"), [(2, True), (3, False)])
def test_a_write_that_others_disturb_is_tried_three_times(
    market: World, monkeypatch: pytest.MonkeyPatch, lost: int, is_made: bool
) -> None:
    """X-12: DynamoDB refuses one of two transactions on an item; that is no duplicate yet."""
    write, left = store.create, [Conflict("disturbed")] * lost

    def disturbed(*arguments: Any) -> None:
        if left:
            raise left.pop()
        write(*arguments)

    monkeypatch.setattr(store, "create", disturbed)
    if is_made:
        assert create(market).session.state is State.PENDING
        return
    with pytest.raises(Conflict) as refused:
        create(market)
    assert refused.value.extra["retry_suggested"] is True
    assert create(market).session.state is State.PENDING


def test_the_made_key_is_shown_again_for_a_quarter_of_an_hour(world: World) -> None:
    """N-11: byte for byte at 15 min, and not a millisecond later; the session still is."""
    first = create(world)
    assert first.secrets["ssh_private_key"].startswith("private ")
    world.clock.tick(SECRETS_S)
    assert create(world).secrets == first.secrets
    world.clock.tick(0.001)
    later = create(world)
    assert (later.session.id, later.secrets) == (first.session.id, {})


def test_a_made_key_lies_encrypted_only_and_is_removed_by_the_sweep_after_its_time(
    world: World,
) -> None:
    """N-11: not left to the table's TTL; what the key stands for stays."""
    made = create(world)
    private = made.secrets["ssh_private_key"]
    assert private not in str(world.deps.sessions.scan())
    world.clock.tick(SECRETS_S)
    expire_sessions(world.deps)
    assert create(world).secrets == made.secrets
    world.clock.tick(60)
    expire_sessions(world.deps)
    (item,) = items(world)
    assert {"secrets_sealed", "due_at", "due_partition"} & set(item) == set()
    assert create(world).session.id == made.session.id


def test_without_an_idempotency_key_or_with_the_callers_own_key_nothing_is_sealed(
    market: World,
) -> None:
    """N-11."""
    market.create(ssh_public_key=None)
    assert items(market) == []
    market.create(ALICE, keyed(), offer_id="vastai-2001")
    (item,) = items(market)
    assert "secrets_sealed" not in item
    assert "due_at" not in item


def test_secrets_cannot_be_opened_as_a_probe_key_nor_for_another_session(world: World) -> None:
    """N-62: the key of what is shown again is another one."""
    session_id = create(world).session.id
    (item,) = items(world)
    sealed = item["secrets_sealed"]
    with pytest.raises(ValueError, match="another"):
        world.deps.cipher.open(session_id, sealed)
    with pytest.raises(ValueError, match="another"):
        world.deps.repeat_cipher.open("another", sealed)


def test_secrets_that_cannot_be_removed_now_do_not_keep_others_and_stay_due(
    market: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.15: one failure does not stop the rest, and the next sweep tries again."""
    create(market)
    create(market, keyed("key-2"), offer_id="vastai-2001")
    market.clock.tick(SECRETS_S + 1)
    table, refusals = market.deps.sessions, [ClientError({"Error": {"Code": "X"}}, "UpdateItem")]
    update = table.update_item

    def update_item(**how: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return update(**how)

    with monkeypatch.context() as patched:
        patched.setattr(table, "update_item", update_item)
        expire_sessions(market.deps)
    assert sorted("secrets_sealed" in item for item in items(market)) == [False, True]
    assert "sweep_item_failed" in market.operations()
    expire_sessions(market.deps)
    assert not [item for item in items(market) if "secrets_sealed" in item]


def test_a_late_sweep_leaves_what_another_request_put_there(world: World) -> None:
    """N-11: the index lags behind, the item decides."""
    create(world)
    table, key = world.deps.sessions, {"pk": "REQUEST#alice#key-1", "sk": "REQUEST"}
    repeats_store.forget_secrets(table, key, world.clock.at)
    repeats_store.forget_secrets(table, key | {"pk": "REQUEST#alice#gone"}, world.clock.at)
    (item,) = items(world)
    assert "secrets_sealed" in item


def test_secrets_are_due_beside_the_sessions_and_not_among_them(world: World) -> None:
    """8: the two sweeps share an index, not their work."""
    session_id = create(world).session.id
    assert set(store.live(world.deps.sessions)) == {session_id}
    world.clock.tick(SECRETS_S + 1)
    assert set(store.due(world.deps.sessions, world.clock.at)) == {session_id}
