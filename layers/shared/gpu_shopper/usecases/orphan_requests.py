"""What operators see of orphans, and ask to be done; who has the providers' keys does it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.errors import IllegalTransition, InstanceNotFound, ProviderNotUsable
from gpu_shopper.store import orphans as store
from gpu_shopper.store.orphans import OrphanRecord, OrphanStatus
from gpu_shopper.usecases.deps import Deps, OrphanAct, OrphanOutcome, OrphanTold, OrphanWish

STILL_THERE = frozenset({OrphanStatus.OPEN, OrphanStatus.DESTROYING})


def list_orphans(
    deps: Deps,
    provider: str | None,
    statuses: frozenset[OrphanStatus],
    after: str | None,
    limit: int,
) -> tuple[list[OrphanRecord], str | None]:
    """Up to `limit` orphans by provider and id, and the position to go on from."""
    wanted = (one for one in _all(deps, provider, after) if one.status in statuses)
    page = list(islice(wanted, limit + 1))
    more = len(page) > limit
    return page[:limit], _position(page[limit - 1]) if more else None


def _all(deps: Deps, provider: str | None, after: str | None) -> Iterator[OrphanRecord]:
    first, _, instance_id = (after or "").partition("#")
    for name in sorted(FACTS):
        if name < first or provider not in (None, name):
            continue
        yield from store.known(deps.operations, name, instance_id if name == first else None)


def _position(record: OrphanRecord) -> str:
    return f"{record.provider}#{record.instance_id}"


def act(
    deps: Deps,
    caller: Caller,
    wanted: OrphanAct,
    provider: str,
    instance_id: str,
    reason: str | None,
) -> OrphanTold:
    """Have one machine destroyed or adopted.

    Raises: InstanceNotFound, IllegalTransition when it is not an orphan or not ours any more,
    ProviderNotUsable when the provider does not answer.
    """
    told = deps.orphan_desk(OrphanWish(wanted, provider, instance_id, caller.key_id, reason))
    named = {"provider": provider, "instance_id": instance_id}
    match told.outcome:
        case OrphanOutcome.NOT_FOUND:
            raise InstanceNotFound(told.text, **named)
        case OrphanOutcome.NOT_ALLOWED:
            raise IllegalTransition(told.text, **named, allowed_events=[])
        case OrphanOutcome.UNAVAILABLE:
            raise ProviderNotUsable(told.text, provider=provider)
        case _:
            return told
