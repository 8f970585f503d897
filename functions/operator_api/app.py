"""The /keys, /budgets, /orphans and /audit routes: operators; consumers read their own budget."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from gpu_shopper.core.api_keys import Role
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge import http
from gpu_shopper.edge.answers.audit import EventsBody
from gpu_shopper.edge.answers.budgets import (
    BudgetDeletedBody,
    BudgetsBody,
    SetBudgetBody,
    ShownBudgetBody,
)
from gpu_shopper.edge.answers.keys import KeyBody, KeysBody, NewKeyBody, RevokedBody
from gpu_shopper.edge.answers.orphans import OrphanAdoptedBody, OrphanDestroyBody, OrphansBody
from gpu_shopper.edge.audit import listed_events
from gpu_shopper.edge.bodies import (
    AuditQuery,
    BudgetBody,
    BudgetsQuery,
    CreateKeyBody,
    KeysQuery,
    OrphanActBody,
    OrphansQuery,
)
from gpu_shopper.edge.budgets import (
    allowed_caller,
    consumer_of,
    listed_budgets,
    shown_budget,
    wanted_budget,
)
from gpu_shopper.edge.callers import admit, caller_of, operator_of
from gpu_shopper.edge.keys import checked_new_key, key_id_of, listed_keys
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.orphans import listed_orphans, machine_of
from gpu_shopper.edge.wiring import deps, frame
from gpu_shopper.edge.wiring_webhooks import hooks
from gpu_shopper.usecases import keys
from gpu_shopper.usecases.deps import OrphanAct, OrphanOutcome, OrphanTold
from gpu_shopper.usecases.orphan_requests import act
from gpu_shopper.usecases.setting_budgets import delete_budget, set_budget

app = http.new_app()


@app.post("/api/v1/keys")
def create_key(
    body: Annotated[CreateKeyBody, Body()],
) -> Response[NewKeyBody]:
    """Make a key; its text is shown this once."""
    caller = operator_of(app.current_event.raw_event)
    expires_at = checked_new_key(body, deps().now())
    made = keys.create_key(deps(), caller, Role(body.role), body.consumer_id, body.name, expires_at)
    return Response(201, http.JSON, NewKeyBody(key=KeyBody.of(made.key), api_key=made.text))


@app.get("/api/v1/keys")
def list_keys(query: Annotated[KeysQuery, Query()]) -> KeysBody:
    """Keys without their secrets."""
    return listed_keys(deps(), operator_of(app.current_event.raw_event), query)


@app.delete("/api/v1/keys/<key_id>")
def revoke_key(key_id: str) -> RevokedBody:
    """Revoke a key; its consumer's sessions go on."""
    caller = operator_of(app.current_event.raw_event)
    key = keys.revoke_key(deps(), caller, key_id_of(key_id))
    return RevokedBody(key_id=key.id, revoked_at=to_text(key.revoked_at or deps().now()))


@app.put("/api/v1/budgets/<consumer_id>")
def put_budget(consumer_id: str, body: Annotated[BudgetBody, Body()]) -> Response[SetBudgetBody]:
    """Set what a consumer may spend in a calendar month, and who is told of its alerts."""
    caller, whose = operator_of(app.current_event.raw_event), consumer_of(consumer_id)
    told = set_budget(deps(), hooks, caller, whose, wanted_budget(body))
    return Response(201 if told.is_new else 200, http.JSON, SetBudgetBody.of_set(told))


@app.get("/api/v1/budgets")
def get_budgets(query: Annotated[BudgetsQuery, Query()]) -> BudgetsBody:
    """All budgets, by consumer."""
    return listed_budgets(deps(), operator_of(app.current_event.raw_event), query)


@app.get("/api/v1/budgets/<consumer_id>")
def get_budget(consumer_id: str) -> ShownBudgetBody:
    """One consumer's budget, with what is spent and reserved."""
    return shown_budget(deps(), caller_of(app.current_event.raw_event), consumer_id)


@app.delete("/api/v1/budgets/<consumer_id>")
def remove_budget(consumer_id: str) -> BudgetDeletedBody:
    """Take the limit away; alerts and refusals end with it."""
    caller = operator_of(app.current_event.raw_event)
    delete_budget(deps(), hooks, caller, consumer_of(consumer_id))
    return BudgetDeletedBody(consumer_id=consumer_id)


@app.get("/api/v1/orphans")
def list_orphans(query: Annotated[OrphansQuery, Query()]) -> OrphansBody:
    """Machines of ours that no live attempt owns, and what became of them."""
    return listed_orphans(deps(), operator_of(app.current_event.raw_event), query)


@app.post("/api/v1/orphans/<provider>/<instance_id>/destroy")
def destroy_orphan(
    provider: str,
    instance_id: str,
    body: Annotated[OrphanActBody | None, Body()] = None,
) -> Response[OrphanDestroyBody]:
    """Have one orphan destroyed, also while a dry run destroys none."""
    told = _act(OrphanAct.DESTROY, provider, instance_id, body)
    done = told.outcome is OrphanOutcome.DESTROYED
    answer = OrphanDestroyBody(
        message="instance destroyed" if done else "instance destruction initiated",
        provider=provider,
        instance_id=instance_id,
        status=told.outcome.value,
    )
    return Response(200 if done else 202, http.JSON, answer)


@app.post("/api/v1/orphans/<provider>/<instance_id>/adopt")
def adopt_orphan(
    provider: str,
    instance_id: str,
    body: Annotated[OrphanActBody | None, Body()] = None,
) -> OrphanAdoptedBody:
    """Give a machine to the attempt that its label names, which is waiting for one."""
    told = _act(OrphanAct.ADOPT, provider, instance_id, body)
    return OrphanAdoptedBody(session_id=told.session_id or "", attempt=told.attempt or 0)


def _act(
    wanted: OrphanAct, provider: str, instance_id: str, body: OrphanActBody | None
) -> OrphanTold:
    caller = operator_of(app.current_event.raw_event)
    reason = body.reason if body else None
    return act(deps(), caller, wanted, *machine_of(provider, instance_id), reason)


@app.get("/api/v1/audit")
def list_events(query: Annotated[AuditQuery, Query()]) -> EventsBody:
    """Who did what, when and from where."""
    return listed_events(deps(), operator_of(app.current_event.raw_event), query)


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    return http.serve(app, event, context, frame(), _admit)


def _admit(event: dict[str, Any]) -> None:
    admit(deps(), event)
    allowed_caller(event)
