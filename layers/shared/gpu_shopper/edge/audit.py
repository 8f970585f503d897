"""Questions to the audit in, pages of events out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.audit import AuditFilter
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.audit import EventBody, EventsBody
from gpu_shopper.edge.bodies import AuditQuery
from gpu_shopper.edge.inventory import checked_provider
from gpu_shopper.errors import ValidationFailed
from gpu_shopper.store import audit
from gpu_shopper.usecases.deps import Deps

USUAL_SPAN = timedelta(hours=24)
LONGEST_SPAN = timedelta(days=31)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""Nothing was audited before."""

CLOCKS_DIFFER = timedelta(minutes=1)
"""An event may have been written by a function whose clock is ahead of ours."""


def listed_events(deps: Deps, caller: Caller, query: AuditQuery) -> EventsBody:
    """One page of the events that `query` asks for; all pages of one walk have the same bounds.

    Raises: ValidationFailed for an impossible span, and for a cursor of another question.
    """
    now = deps.now()
    asked = query.model_dump(exclude={"cursor", "limit"})
    scope = f"audit {caller.key_id} {json.dumps(asked)}"
    begun, after = _position(cursors.read(query.cursor, scope, deps.deployment_id, now)) or (
        now,
        None,
    )
    wanted = _filter(query, begun)
    found, last = audit.page(deps.audit, wanted, after, query.limit)
    position = json.dumps([to_text(begun), last]) if last else None
    return EventsBody(
        events=[EventBody.of(one) for one in found],
        count=len(found),
        next_cursor=cursors.issue(position, scope, deps.deployment_id, now),
    )


def _position(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    begun, after = json.loads(text)
    return from_text(begun), after


def _filter(query: AuditQuery, now: datetime) -> AuditFilter:
    start, end = _span(query, now)
    by_session = query.session_id is not None
    return AuditFilter(
        start=start,
        end=end,
        session_id=query.session_id,
        consumer_id=query.consumer_id,
        provider=checked_provider(query.provider, tuple(FACTS)) if query.provider else None,
        operation=query.operation,
        newest_first=not by_session if query.order is None else query.order == "desc",
    )


def _span(query: AuditQuery, now: datetime) -> tuple[datetime | None, datetime]:
    """The span asked for; of all events together at most 31 days, and 24 hours unless said."""
    start = from_text(query.start) if query.start else None
    end = from_text(query.end) if query.end else now + CLOCKS_DIFFER
    if start is None and not _narrowed(query):
        start = max(end if query.end else now, FIRST) - USUAL_SPAN
    if start is not None and start >= end:
        wrong = ("end", "end must be after start")
        raise ValidationFailed([wrong if query.end else ("start", "start must not lie ahead")])
    if start and not _narrowed(query) and end - start > LONGEST_SPAN + CLOCKS_DIFFER:
        text = "start must be at most 31 days before end, unless something else is named"
        raise ValidationFailed([("start", text)])
    return start, end


def _narrowed(query: AuditQuery) -> bool:
    return any((query.session_id, query.consumer_id, query.provider, query.operation))
