"""Session items: guarded writes, the duplicate guard, the index, lists that read their writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.instances import HostPort
from gpu_shopper.core.life import evolve
from gpu_shopper.core.session import Notice, Session, Verification
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import Conflict, DuplicateSession, SessionNotFound
from gpu_shopper.store import sessions as store
from gpu_shopper.store.codec import from_item, to_item
from tests.builders import ADDRESS, NOON, a_session, an_attempt, later
from tests.world import World


def full() -> Session:
    """A session in which every optional thing has a value."""
    attempt = an_attempt(
        ssh=ADDRESS,
        port_map={8000: HostPort("203.0.113.7", 40001)},
        host_key="ssh-ed25519 AAAA",
        verification=Verification(polls=3, reached_at=later(7), last_error="timeout"),
        missing_since=later(8),
    )
    return a_session(
        attempts=(attempt,),
        ready_at=later(9),
        error="text",
        end_reason=EndReason.GHOST,
        warnings=(Notice(code="c", message="m", at=later(10)),),
        probe_key_sealed="sealed",
    )


@pytest.fixture
def table(world: World) -> Any:
    return world.deps.sessions


def numbered(number: int, **changes: Any) -> Session:
    """A session with its own id and offer."""
    session = on_offer(a_session(**changes), f"vastai-{number}")
    return replace(session, id=f"00000000-0000-4000-8000-{number:012d}")


def on_offer(session: Session, offer_id: str) -> Session:
    """`session` with this offer as its current attempt's."""
    return replace(session, attempts=(replace(session.attempt, offer_id=offer_id),))


def test_a_session_comes_back_as_it_was_written(table: Any) -> None:
    """8: also with everything set, and with nothing set."""
    for session in (full(), numbered(2)):
        store.create(table, session, session.expires_at)
        assert store.get(table, session.id) == session


def test_items_hold_no_floats_and_instants_end_in_z() -> None:
    """N-56: money and times are exact in the table."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from leaves(one)
        else:
            yield value

    item = to_item(full())
    assert not [one for one in leaves(item) if isinstance(one, float)]
    assert item["created_at"].endswith("Z")
    assert from_item(Session, item) == full()


def test_attributes_of_a_later_version_are_ignored(table: Any) -> None:
    """2.14: a rollback reads what a newer release wrote."""
    session = full()
    store.create(table, session, session.expires_at)
    table.update_item(
        Key={"pk": f"SESSION#{session.id}", "sk": "SESSION"},
        UpdateExpression="SET brand_new = :x",
        ExpressionAttributeValues={":x": {"a": 1}},
    )
    assert store.get(table, session.id) == session


def test_a_write_over_another_version_is_refused(table: Any) -> None:
    """M-32: the loser changes nothing."""
    first = a_session()
    store.create(table, first, later(1))
    winner = replace(evolve(first, later(2)), error="winner")
    loser = replace(evolve(first, later(2)), error="loser")
    store.save(table, first, winner, later(3))
    with pytest.raises(Conflict):
        store.save(table, first, loser, later(3))
    assert store.get(table, first.id).error == "winner"


def test_a_write_that_frees_the_guard_is_refused_as_a_whole(table: Any) -> None:
    """M-32: also when it is a transaction."""
    first = a_session()
    store.create(table, first, later(1))
    store.save(table, first, evolve(first, later(2)), later(3))
    stopping = replace(evolve(first, later(2)), state=State.STOPPING)
    with pytest.raises(Conflict):
        store.save(table, first, stopping, later(3))
    assert store.holder(table, "alice", "vastai-1001") is not None


def test_of_twenty_creates_exactly_one_wins(table: Any) -> None:
    """M-47, X-12: every other is told who holds the offer."""

    def create(number: int) -> str | None:
        session = replace(a_session(), id=f"00000000-0000-4000-8000-{number:012d}")
        try:
            store.create(table, session, later(1))
        except DuplicateSession as refused:
            return str(refused.extra["session_id"])
        return None

    told = [create(number) for number in range(20)]
    assert told == [None] + ["00000000-0000-4000-8000-000000000000"] * 19


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.FAILED])
def test_the_guard_goes_when_the_session_stops_holding_its_offer(table: Any, state: State) -> None:
    """2.8: and a new session's guard is not taken away by the old one's later writes."""
    first = a_session()
    store.create(table, first, later(1))
    stopping = replace(evolve(first, later(2)), state=state)
    store.save(table, first, stopping, None)
    second = on_offer(numbered(7), first.attempt.offer_id)
    store.create(table, second, later(4))
    store.save(table, stopping, evolve(stopping, later(5)), None)
    held = store.holder(table, "alice", "vastai-1001")
    assert held is not None
    assert held.extra["session_id"] == second.id


def test_another_consumer_may_hold_the_same_offer(table: Any) -> None:
    """2.8."""
    store.create(table, a_session(), later(1))
    theirs = on_offer(numbered(2), a_session().attempt.offer_id)
    store.create(table, replace(theirs, consumer_id="bob"), later(1))


def trying_next(session: Session, offer_id: str) -> Session:
    """`session` with another attempt, at this offer."""
    second = an_attempt(number=2, offer_id=offer_id)
    after = evolve(session, later(2), state=State.PENDING)
    return replace(after, attempts=(*session.attempts, second))


def test_another_attempt_moves_the_guard_to_its_offer(table: Any) -> None:
    """2.8, N-16: in the very write that begins it; the old offer is free again."""
    first = a_session(state=State.PROVISIONING)
    store.create(table, first, later(1))
    second = trying_next(first, "vastai-1002")
    store.save(table, first, second, later(3))
    assert store.holder(table, "alice", "vastai-1001") is None
    held = store.holder(table, "alice", "vastai-1002")
    assert held is not None
    assert held.extra["session_id"] == first.id
    store.save(table, second, replace(evolve(second, later(4)), state=State.STOPPING), None)
    assert store.holder(table, "alice", "vastai-1002") is None


def test_an_attempt_at_an_offer_that_the_consumer_holds_is_not_begun(table: Any) -> None:
    """2.8: nothing is written, and the refusal differs from a lost race."""
    first = a_session(state=State.PROVISIONING)
    store.create(table, first, later(1))
    store.create(table, numbered(1002), later(1))
    with pytest.raises(DuplicateSession):
        store.save(table, first, trying_next(first, "vastai-1002"), later(3))
    assert store.get(table, first.id) == first
    assert store.holder(table, "alice", "vastai-1001") is not None
    store.save(table, first, evolve(first, later(2)), later(3))
    with pytest.raises(Conflict):
        store.save(table, first, trying_next(first, "vastai-1003"), later(3))
    assert store.holder(table, "alice", "vastai-1003") is None


def test_what_is_due_is_found_and_nothing_else(table: Any) -> None:
    """2.15: work grows with what is due; terminal sessions leave the index."""
    for number in range(5):
        store.create(table, numbered(number), later(number * 10))
    assert len(list(store.due(table, later(20)))) == 3
    assert len(list(store.live(table))) == 5
    session = store.get(table, numbered(0).id)
    store.save(table, session, replace(evolve(session, NOON), state=State.STOPPED), None)
    assert len(list(store.due(table, later(20)))) == 2


def test_a_foreign_session_and_none_are_the_same(table: Any) -> None:
    """M-1, N-52."""
    store.create(table, a_session(), later(1))
    bob = Caller("bobkey00", Role.CONSUMER, "bob")
    with pytest.raises(SessionNotFound):
        store.get_for(table, a_session().id, bob)
    with pytest.raises(SessionNotFound):
        store.get_for(table, numbered(9).id, bob)


def test_batches_ask_again_for_what_was_left_unprocessed(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """QA-H1: a part is never taken for all."""
    ids = []
    for number in range(5):
        store.create(table, numbered(number), later(1))
        ids.append(numbered(number).id)
    real = table.meta.client.batch_get_item
    calls = []

    def stingy(RequestItems: Any) -> Any:  # noqa: N803  (boto3's own name)
        calls.append(RequestItems)
        spec = RequestItems[table.name]
        head, rest = spec["Keys"][:2], spec["Keys"][2:]
        answer = real(RequestItems={table.name: spec | {"Keys": head}})
        answer["UnprocessedKeys"] = {table.name: {"Keys": rest}} if rest else {}
        return answer

    monkeypatch.setattr(table.meta.client, "batch_get_item", stingy)
    assert set(store.get_many(table, ids)) == set(ids)
    assert len(calls) == 3


@pytest.mark.parametrize(("asked", "read"), [({}, True), ({"consistent": False}, False)])
def test_many_are_read_consistently_unless_somebody_only_counts(
    table: Any, monkeypatch: pytest.MonkeyPatch, asked: dict[str, bool], read: bool
) -> None:
    real, seen = table.meta.client.batch_get_item, list[bool]()

    def noting(RequestItems: Any) -> Any:  # noqa: N803  (boto3's own name)
        seen.append(RequestItems[table.name]["ConsistentRead"])
        return real(RequestItems=RequestItems)

    monkeypatch.setattr(table.meta.client, "batch_get_item", noting)
    assert store.get_many(table, [numbered(0).id], **asked) == {}
    assert seen == [read]


def test_an_empty_page_is_not_the_end(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """QA-H1: LastEvaluatedKey is followed, however little a page holds."""
    for number in range(3):
        store.create(table, numbered(number), later(1))
    real = table.query

    def paged(**query: Any) -> Any:
        if "ExclusiveStartKey" not in query:
            return {"Items": [], "LastEvaluatedKey": {"pk": "x"}}
        del query["ExclusiveStartKey"]
        return real(**query)

    monkeypatch.setattr(table, "query", paged)
    assert len(list(store.due(table, later(5)))) == 3
    assert len(store.positions(table, "alice", None, 10)) == 3


def test_an_error_on_a_later_page_is_an_error(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """QA-H1: never the end of the list."""

    def failing(**query: Any) -> Any:
        if "ExclusiveStartKey" in query:
            raise RuntimeError("page 2")
        return {"Items": [], "LastEvaluatedKey": {"pk": "x"}}

    monkeypatch.setattr(table, "query", failing)
    with pytest.raises(RuntimeError):
        list(store.live(table))
