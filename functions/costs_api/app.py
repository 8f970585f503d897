"""The /costs routes: they read the ledger, and change nothing."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query

from gpu_shopper.edge import http
from gpu_shopper.edge.answers.costs import CostsBody
from gpu_shopper.edge.answers.reconciliation import ReconciliationBody
from gpu_shopper.edge.bodies import CostsQuery, CostsSummaryQuery, ReconciliationQuery
from gpu_shopper.edge.callers import admit, caller_of, operator_of
from gpu_shopper.edge.costs import costs_body, summary_body
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.reconciliation import reconciliation_body
from gpu_shopper.edge.wiring import deps, frame

app = http.new_app()


@app.get("/api/v1/costs")
def get_costs(query: Annotated[CostsQuery, Query()]) -> CostsBody:
    """What one session, or the sessions of some days, have cost."""
    return costs_body(deps(), caller_of(app.current_event.raw_event), query)


@app.get("/api/v1/costs/summary")
def get_costs_summary(query: Annotated[CostsSummaryQuery, Query()]) -> CostsBody:
    """What the current UTC month has cost."""
    return summary_body(deps(), caller_of(app.current_event.raw_event), query)


@app.get("/api/v1/costs/reconciliation")
def get_reconciliation(query: Annotated[ReconciliationQuery, Query()]) -> ReconciliationBody:
    """What is booked beside what the providers charge, by session and UTC day."""
    return reconciliation_body(deps(), operator_of(app.current_event.raw_event), query)


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    return http.serve(app, event, context, frame(), lambda one: admit(deps(), one))
