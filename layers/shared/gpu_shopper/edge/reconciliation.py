"""Questions about the providers' charges in, comparisons with our ledger out."""

from __future__ import annotations

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.comparing import Compared
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.reconciliation import ReconciliationBody
from gpu_shopper.edge.bodies import ReconciliationQuery
from gpu_shopper.edge.costs import days_of
from gpu_shopper.edge.inventory import checked_provider
from gpu_shopper.usecases.charges import list_compared, totals_by_provider
from gpu_shopper.usecases.deps import Deps


def reconciliation_body(
    deps: Deps, caller: Caller, query: ReconciliationQuery
) -> ReconciliationBody:
    """One page of what `query` asks for. Raises ValidationFailed."""
    provider = checked_provider(query.provider, tuple(FACTS)) if query.provider else None
    now = deps.now()
    days = days_of(query, now.date())

    def wanted(row: Compared) -> bool:
        return (provider or row.provider, query.session_id or row.session_id) == (
            row.provider,
            row.session_id,
        )

    scope = f"charges {caller.key_id} {provider} {query.session_id} {days.first} {days.last}"
    after = cursors.read(query.cursor, scope, deps.deployment_id, now)
    page, position = list_compared(deps, days, wanted, after, query.limit)
    cursor = cursors.issue(position, scope, deps.deployment_id, now)
    return ReconciliationBody.of(page, totals_by_provider(deps, days), days, cursor)
