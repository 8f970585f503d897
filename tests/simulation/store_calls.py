"""The store's functions with small arguments, for random sequences that meet each other often.

Each takes a table (in all four roles at once) and three small numbers: who, what, when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from gpu_shopper.core.agents import Beat
from gpu_shopper.core.api_keys import ApiKey, Role
from gpu_shopper.core.balances import Balance
from gpu_shopper.core.breaker import Breaker
from gpu_shopper.core.failures import Failure, FailureType, Suppression
from gpu_shopper.core.inventory import Snapshot
from gpu_shopper.core.labels import Label
from gpu_shopper.core.rate_limit import Bucket
from gpu_shopper.core.reconciling import Cause, Orphan
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import State
from gpu_shopper.errors import ShopperError
from gpu_shopper.store import (
    access,
    beats,
    breakers,
    failures,
    fetches,
    inventory,
    location_stats,
    operations,
    orphans,
    sessions,
)
from gpu_shopper.store.fetches import Pointer
from gpu_shopper.store.inventory import SnapshotCache, Storage
from tests.builders import DEPLOYMENT, a_session, an_instance, an_offer, later
from tests.simulation.buckets import MemoryBucket
from tests.world import ALICE

type Call = Callable[[Any, int, int, int], Any]

PROVIDERS = ("vastai", "tensordock")
STATES = tuple(State)
BUCKET = Bucket(rate_per_s=1, burst=2, daily_quota=4)


def carry_out(table: Any, name: str, who: int, what: int, when: int) -> None:
    """Call one function; what it refuses is an answer too."""
    try:
        answer = CALLS[name](table, who, what, when)
        if isinstance(answer, Iterator):
            list(answer)
    except (ShopperError, ClientError):
        pass


def _id(who: int) -> str:
    return f"00000000-0000-4000-8000-{who:012x}"


def _session(who: int, what: int, when: int) -> Session:
    made = a_session(state=STATES[what % 3], created_at=_at(when % 3), version=1)
    attempts = (replace(made.attempt, offer_id=f"vastai-{what % 2}"),)
    return replace(made, id=_id(who), attempts=attempts)


def _at(when: int) -> datetime:
    return later(when * 60)


def _save(table: Any, who: int, what: int, when: int) -> None:
    """Over the newest version, or over one that was never there."""
    before = sessions.get(table, _id(who))
    if when == 0:
        before = replace(before, version=before.version + 7)
    attempts = (replace(before.attempt, offer_id=f"vastai-{(what + when) % 2}"),)
    state = STATES[what % len(STATES)]
    after = replace(before, version=before.version + 1, state=state, attempts=attempts)
    sessions.save(table, before, after, _at(when) if after.is_live else None)


def _key(who: int) -> ApiKey:
    return ApiKey(
        id=_id(who),
        role=Role.CONSUMER,
        secret_sha256="0" * 64,
        created_at=later(0),
        created_by="operator",
        consumer_id="alice",
    )


def _orphan(who: int) -> Orphan:
    label = Label(DEPLOYMENT, _id(who), 1)
    return Orphan(an_instance(id=f"50{who}", label=str(label)), label, Cause.SESSION_UNKNOWN)


def _beat(who: int, what: int, when: int) -> Beat:
    return Beat(session_id=_id(who), attempt=what, at=_at(when))


def _failure(what: int, when: int) -> Failure:
    kind = FailureType.NO_CAPACITY
    return Failure(
        provider="vastai",
        offer_id=f"vastai-{what}",
        gpu_type="RTX 4090",
        type=kind,
        at=_at(when),
        machine_id="77",
    )


def _breaker(table: Any, who: int, what: int, when: int) -> bool:
    seen = breakers.read(table, "vastai")
    return breakers.write(
        table, "vastai", Breaker(version=seen.version + what % 2 + 1, opened_at=_at(when))
    )


def _publish(table: Any, who: int, what: int, when: int) -> None:
    offer = an_offer()
    snapshot = Snapshot(
        provider="vastai", generation=f"g{who}", fetched_at=_at(when), offers={offer.id: offer}
    )
    inventory.publish(_storage(table), snapshot)


def _storage(table: Any) -> Storage:
    bucket: Any = MemoryBucket(_OBJECTS, lambda _operation, effect: effect())
    return Storage(table, bucket)


_OBJECTS: dict[str, tuple[int, bytes]] = {}
FEED = "PROVIDER#vastai"

CALLS: Mapping[str, Call] = {
    "sessions.create": lambda t, i, j, k: sessions.create(t, _session(i, j, k), _at(k)),
    "sessions.save": _save,
    "sessions.get": lambda t, i, j, k: sessions.get(t, _id(i)),
    "sessions.get_for": lambda t, i, j, k: sessions.get_for(t, _id(i), ALICE),
    "sessions.get_many": lambda t, i, j, k: sessions.get_many(t, [_id(i), _id(j), _id(i)]),
    "sessions.holder": lambda t, i, j, k: sessions.holder(t, "alice", f"vastai-{j % 2}"),
    "sessions.due": lambda t, i, j, k: sessions.due(t, _at(k)),
    "sessions.live": lambda t, i, j, k: sessions.live(t),
    "sessions.ended_since": lambda t, i, j, k: sessions.ended_since(t, _at(k)),
    "sessions.positions": lambda t, i, j, k: sessions.positions(
        t, "*" if j else "alice", f"{_at(k).isoformat()}#" if k else None, i + 1
    ),
    "beats.keep": lambda t, i, j, k: beats.keep(t, _beat(i, j, k), _at(k + j), 60),
    "beats.find": lambda t, i, j, k: beats.find(t, _id(i)),
    "beats.find_many": lambda t, i, j, k: beats.find_many(t, [_id(i), _id(j)]),
    "beats.forget_due": lambda t, i, j, k: beats.forget_due(t, _beat(i, j, k)),
    "beats.due": lambda t, i, j, k: beats.due(t, _at(k)),
    "beats.watched": lambda t, i, j, k: beats.watched(t),
    "beats.next_due": lambda t, i, j, k: beats.next_due(t, _at(k)),
    "operations.can_be_read": lambda t, i, j, k: operations.can_be_read(t),
    "operations.mark_sweep": lambda t, i, j, k: operations.mark_sweep(t, "s", _at(k), "r"),
    "operations.last_sweep": lambda t, i, j, k: operations.last_sweep(t, "s"),
    "operations.mark_credentials": lambda t, i, j, k: operations.mark_credentials(
        t, PROVIDERS[j % 2], "no" if i else None
    ),
    "operations.credentials_problem": lambda t, i, j, k: operations.credentials_problem(
        t, PROVIDERS[j % 2]
    ),
    "operations.note_complete_listing": lambda t, i, j, k: operations.note_complete_listing(
        t, "vastai", _at(k), timedelta(seconds=60 * j)
    ),
    "operations.note_failed_listing": lambda t, i, j, k: operations.note_failed_listing(
        t, "vastai"
    ),
    "operations.listings_complete_since": lambda t, i, j, k: operations.listings_complete_since(
        t, "vastai", _at(k)
    ),
    "orphans.see": lambda t, i, j, k: orphans.see(t, "vastai", _orphan(i), _at(k)),
    "orphans.forget": lambda t, i, j, k: orphans.forget(t, "vastai", f"50{i}"),
    "orphans.note_asked": lambda t, i, j, k: orphans.note_asked(t, "vastai", f"50{i}", _at(k)),
    "orphans.close": lambda t, i, j, k: [
        orphans.close(t, one, _at(k))
        for one in orphans.still_open(t, "vastai")
        if one.instance_id == f"50{i}"
    ],
    "orphans.note_failed": lambda t, i, j, k: orphans.note_failed(t, "vastai", f"50{i}", "word"),
    "orphans.request_end": lambda t, i, j, k: orphans.request_end(t, "vastai", f"50{i}", _at(k)),
    "orphans.close_adopted": lambda t, i, j, k: orphans.close_adopted(
        t, "vastai", f"50{i}", _at(k)
    ),
    "orphans.note_failing": lambda t, i, j, k: orphans.note_failing(t, "vastai", f"50{i}", _at(k)),
    "orphans.find": lambda t, i, j, k: orphans.find(t, "vastai", f"50{i}"),
    "orphans.known": lambda t, i, j, k: orphans.known(t, "vastai", f"50{j}" if k % 2 else None),
    "orphans.still_open": lambda t, i, j, k: orphans.still_open(t, "vastai"),
    "breakers.write": _breaker,
    "inventory.publish": _publish,
    "inventory.view": lambda t, i, j, k: inventory.view(_storage(t), SnapshotCache(), "vastai"),
    "inventory.memory": lambda t, i, j, k: inventory.memory(_storage(t), "vastai"),
    "fetches.note_failure": lambda t, i, j, k: fetches.note_failure(t, FEED, "word"),
    "fetches.take_lease": lambda t, i, j, k: fetches.take_lease(t, FEED, _at(k), 90),
    "fetches.release_lease": lambda t, i, j, k: fetches.release_lease(t, FEED, _at(k)),
    "fetches.point": lambda t, i, j, k: fetches.point(t, FEED, Pointer(f"g{i}", _at(k), j)),
    "fetches.newest": lambda t, i, j, k: fetches.newest(t, FEED),
    "locations.count_launch": lambda t, i, j, k: location_stats.count_launch(
        t, "tensordock", f"here-{i}", accepted=j > 1, at=_at(k), since=_at(k - 2)
    ),
    "operations.remember_balance": lambda t, i, j, k: operations.remember_balance(
        t, "vastai", Balance(left_microusd=j, read_at=_at(k))
    ),
    "operations.last_balance": lambda t, i, j, k: operations.last_balance(t, "vastai"),
    "operations.take_balance_look": lambda t, i, j, k: operations.take_balance_look(
        t, "vastai", _at(k), timedelta(minutes=j)
    ),
    "inventory.withdraw": lambda t, i, j, k: inventory.withdraw(
        t, "vastai", f"vastai-{j}", _at(k), 60
    ),
    "failures.remember": lambda t, i, j, k: failures.remember(t, _failure(j, k), _id(i), 1, 60),
    "failures.suppress": lambda t, i, j, k: failures.suppress(
        t,
        "vastai",
        Suppression(offer_id=f"vastai-{j}", machine_id="77", at=_at(k), until=_at(k + 1)),
    ),
    "access.create_key": lambda t, i, j, k: access.create_key(t, _key(i)),
    "access.find_key": lambda t, i, j, k: access.find_key(t, _id(i)),
    "access.all_keys": lambda t, i, j, k: access.all_keys(t, _id(i) if j else None),
    "access.revoke_key": lambda t, i, j, k: access.revoke_key(t, _key(i), _at(k)),
    "access.revoke_operator_key": lambda t, i, j, k: access.revoke_operator_key(
        t, _key(i), _at(k), j % 2 * 7 or access.operators_version(t)
    ),
    "access.note_use": lambda t, i, j, k: access.note_use(t, _key(i), _at(k)),
    "access.take_token": lambda t, i, j, k: access.take_token(t, _id(i), BUCKET, later(k)),
}
