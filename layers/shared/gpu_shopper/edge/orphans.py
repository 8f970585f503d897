"""Requests about orphans in, lists out."""

from __future__ import annotations

import re

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.orphans import OrphanBody, OrphansBody
from gpu_shopper.edge.bodies import OrphansQuery
from gpu_shopper.edge.inventory import checked_provider
from gpu_shopper.errors import InstanceNotFound
from gpu_shopper.store.orphans import OrphanStatus
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.orphan_requests import STILL_THERE, list_orphans
from gpu_shopper.usecases.orphans import is_dry_run


def machine_of(provider: str, instance_id: str) -> tuple[str, str]:
    """Provider and machine from a path. Raises InstanceNotFound for what cannot be one."""
    if provider not in FACTS or not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", instance_id):
        raise InstanceNotFound("no machine of ours has this id")
    return provider, instance_id


def listed_orphans(deps: Deps, caller: Caller, query: OrphansQuery) -> OrphansBody:
    """One page of orphans that `query` asks for. Raises ValidationFailed."""
    provider = checked_provider(query.provider, tuple(FACTS)) if query.provider else None
    statuses = frozenset({OrphanStatus(query.status)}) if query.status else STILL_THERE
    now = deps.now()
    scope = f"orphans {caller.key_id} {provider} {sorted(statuses)}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page, position = list_orphans(deps, provider, statuses, after, query.limit)
    return OrphansBody(
        orphans=[OrphanBody.of(one) for one in page],
        count=len(page),
        dry_run=is_dry_run(deps),
        next_cursor=cursors.issue(position, scope, deps.deployment_id, now),
    )
