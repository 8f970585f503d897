"""Session items, the duplicate guard beside them, and the list that reads its own writes.

pk SESSION#<id>              sk SESSION                 the session; in index by_due while live
pk GUARD#<consumer>#<offer>  sk GUARD                   who holds this offer for this consumer
pk LIST#<consumer> | LIST#*  sk <created_at>#<id>       newest-first lists, strongly consistent
pk UNSETTLED                 sk <id>                    ended, and its cost may not be booked yet
pk ENDED                     sk <ended_at>#<id>         how it ended; kept for two days

The table also holds the requests of `store.repeats`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.gauges import Ended
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.errors import Conflict, DuplicateSession, SessionNotFound
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.paging import pages
from gpu_shopper.store.transactions import Action, Cancelled, Delete, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DUE_INDEX = "by_due"
DUE_PARTITION = "live"
EVERYBODY = "*"
UNSETTLED = "UNSETTLED"
ENDED = "ENDED"
KEEP_ENDED = timedelta(days=2)
BATCH = 100

_HOLDING = frozenset({State.PENDING, State.PROVISIONING, State.RUNNING})
_ABSENT = Attr("pk").not_exists()
_MOVED_GUARD = 1


def _session_key(session_id: str) -> Item:
    return {"pk": f"SESSION#{session_id}", "sk": "SESSION"}


def _guard_key(consumer_id: str, offer_id: str) -> Item:
    return {"pk": f"GUARD#{consumer_id}#{offer_id}", "sk": "GUARD"}


def _unsettled_key(session_id: str) -> Item:
    return {"pk": UNSETTLED, "sk": session_id}


def _guard_of(session: Session) -> Item:
    return _guard_key(session.consumer_id, session.attempt.offer_id)


def _held_guard(session: Session) -> Item:
    return _guard_of(session) | {"session_id": session.id}


def _list_rows(session: Session) -> list[Item]:
    position = f"{to_text(session.created_at)}#{session.id}"
    return [
        {"pk": f"LIST#{whose}", "sk": position, "session_id": session.id}
        for whose in (session.consumer_id, EVERYBODY)
    ]


def _ended_row(session: Session) -> Item:
    """One line about a session that ends, so that nobody reads ended sessions to count them."""
    at = session.state_entered_at
    return {
        "pk": ENDED,
        "sk": f"{to_text(at)}#{session.id}",
        "session_id": session.id,
        "provider": session.attempt.provider,
        "state": session.state.value,
        "ttl": int((at + KEEP_ENDED).timestamp()),
    }


def _to_item(session: Session, due_at: datetime | None) -> Item:
    item = _session_key(session.id) | to_item(session)
    if due_at is not None:
        item |= {"due_partition": DUE_PARTITION, "due_at": to_text(due_at)}
    return item


def _from_item(item: Item) -> Session:
    return from_item(Session, item)


def create(table: Table, session: Session, due_at: datetime, *also: Action) -> None:
    """Write a new session, its guard, its list rows and what else `also` holds, or nothing.

    Raises: DuplicateSession naming the live one; Conflict when it ended in between, or when
    `also` could not be written.
    """
    actions: list[Action] = [
        Put(_to_item(session, due_at), _ABSENT),
        Put(_held_guard(session), _ABSENT),
        *(Put(row) for row in _list_rows(session)),
        *also,
    ]
    try:
        write_all(table, actions)
    except Cancelled as exc:
        taken = holder(table, session.consumer_id, session.attempt.offer_id)
        raise taken or Conflict("lost a concurrent write", retry_suggested=True) from exc


def holder(table: Table, consumer_id: str, offer_id: str) -> DuplicateSession | None:
    """The refusal that names the session by which `consumer_id` holds this offer, if any."""
    key = _guard_key(consumer_id, offer_id)
    guard = table.get_item(Key=key, ConsistentRead=True).get("Item")
    session = _maybe(table, str(guard["session_id"])) if guard else None
    if session is None:
        return None
    return _duplicate(
        consumer_id, offer_id, session_id=session.id, session_status=session.state.value
    )


def _duplicate(consumer_id: str, offer_id: str, **more: str) -> DuplicateSession:
    return DuplicateSession(
        f"consumer {consumer_id} already has a session on this offer",
        consumer_id=consumer_id,
        offer_id=offer_id,
        **more,
    )


def save(
    table: Table,
    before: Session,
    after: Session,
    due_at: datetime | None,
    also: Iterable[Action] = (),
) -> None:
    """Write `after` over `before`, and over no other version; the guard and `also` go with it.

    Leaving the guarded states frees the guard, and another attempt moves it to its offer. What has
    ended is `unsettled` until its cost is booked.
    Raises: Conflict when somebody else wrote first; DuplicateSession when the consumer already
    holds the other offer.
    """
    unchanged = Attr("version").eq(before.version)
    moves = _guard_moves(before, after)
    actions: list[Action] = [Put(_to_item(after, due_at), unchanged), *moves, *also]
    if not after.is_live:
        actions.append(Put(_unsettled_key(after.id) | {"version": after.version}))
    if before.is_live and not after.is_live:
        actions.append(Put(_ended_row(after)))
    try:
        write_all(table, actions)
    except Cancelled as exc:
        if moves and exc.failed == {_MOVED_GUARD}:
            raise _duplicate(after.consumer_id, after.attempt.offer_id) from exc
        raise Conflict(f"session {after.id} changed meanwhile", retry_suggested=True) from exc


def _guard_moves(before: Session, after: Session) -> list[Put | Delete]:
    """What becomes of the guard; a new one comes first, at `_MOVED_GUARD` of the transaction."""
    if before.state not in _HOLDING:
        return []
    if after.state not in _HOLDING:
        return [Delete(_guard_of(before))]
    if _guard_of(before) == _guard_of(after):
        return []
    return [Put(_held_guard(after), _ABSENT), Delete(_guard_of(before))]


def unsettled(table: Table) -> Iterator[str]:
    """Ids of sessions that have ended, and whose cost may not be booked to the end."""
    condition = Key("pk").eq(UNSETTLED)
    for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
        yield from (str(item["sk"]) for item in page)


def unsettle(table: Table, session: Session) -> None:
    """An ended session costs more after all: the job books it until that is over."""
    table.put_item(Item=_unsettled_key(session.id) | {"version": session.version})


def settle(table: Table, session: Session) -> None:
    """The cost of `session` is booked to the end; says nothing of a later version of it."""
    key, booked = _unsettled_key(session.id), Attr("version").eq(session.version)
    try:
        table.delete_item(Key=key, ConditionExpression=booked)
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return


def get(table: Table, session_id: str) -> Session:
    """The session as it is now. Raises SessionNotFound."""
    session = _maybe(table, session_id)
    if session is None:
        raise SessionNotFound("session not found")
    return session


def get_for(table: Table, session_id: str, caller: Caller) -> Session:
    """The session, if `caller` may know of it. Raises SessionNotFound, also for somebody else's."""
    session = get(table, session_id)
    if not caller.sees(session.consumer_id):
        raise SessionNotFound("session not found")
    return session


def _maybe(table: Table, session_id: str) -> Session | None:
    item = table.get_item(Key=_session_key(session_id), ConsistentRead=True).get("Item")
    return _from_item(item) if item else None


def get_many(
    table: Table, session_ids: Iterable[str], *, consistent: bool = True
) -> dict[str, Session]:
    """All of these sessions that exist, by id.

    Not `consistent` costs half: a write of the last moment may be missing. For what only counts.
    """
    wanted = list(dict.fromkeys(session_ids))
    found: dict[str, Session] = {}
    for start in range(0, len(wanted), BATCH):
        for item in _batch(table, wanted[start : start + BATCH], consistent=consistent):
            session = _from_item(item)
            found[session.id] = session
    return found


def _batch(table: Table, session_ids: list[str], *, consistent: bool) -> Iterator[Item]:
    """One batch, asked again for what DynamoDB left unprocessed."""
    keys: Any = [_session_key(one) for one in session_ids]
    while keys:
        answer: Any = table.meta.client.batch_get_item(
            RequestItems={table.name: {"Keys": keys, "ConsistentRead": consistent}}
        )
        yield from answer["Responses"].get(table.name, [])
        keys = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])


def due(table: Table, now: datetime) -> Iterator[str]:
    """Ids of live sessions whose `due_at` has passed; reads only what is due."""
    return _due_ids(table, Key("due_partition").eq(DUE_PARTITION) & Key("due_at").lte(to_text(now)))


def live(table: Table) -> Iterator[str]:
    """Ids of all live sessions; the index may lag by a moment."""
    return _due_ids(table, Key("due_partition").eq(DUE_PARTITION))


def ended_since(table: Table, at: datetime) -> Iterator[Ended]:
    """Sessions that have ended at `at` or later, up to two days ago; strongly consistent."""
    condition = Key("pk").eq(ENDED) & Key("sk").gte(to_text(at))
    for page in pages(table, KeyConditionExpression=condition, ConsistentRead=True):
        for item in page:
            yield Ended(str(item["session_id"]), str(item["provider"]), State(str(item["state"])))


def _due_ids(table: Table, condition: Any) -> Iterator[str]:
    for page in pages(table, IndexName=DUE_INDEX, KeyConditionExpression=condition):
        for item in page:
            yield str(item["pk"]).removeprefix("SESSION#")


def positions(table: Table, whose: str, before: str | None, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` (position, session id) of one list, newest first, after position `before`."""
    condition: Any = Key("pk").eq(f"LIST#{whose}")
    if before is not None:
        condition &= Key("sk").lt(before)
    rows: list[tuple[str, str]] = []
    found = pages(
        table,
        KeyConditionExpression=condition,
        ConsistentRead=True,
        ScanIndexForward=False,
        Limit=limit,
    )
    for page in found:
        rows += [(str(item["sk"]), str(item["session_id"])) for item in page]
        if len(rows) >= limit:
            break
    return rows[:limit]
