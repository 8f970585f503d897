"""The /webhooks routes."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from gpu_shopper.edge import http
from gpu_shopper.edge.answers.webhooks import (
    NewWebhookBody,
    WebhookBody,
    WebhookDeletedBody,
    WebhooksBody,
    WebhookTestedBody,
    WebhookWithDeliveriesBody,
)
from gpu_shopper.edge.bodies import NoBody
from gpu_shopper.edge.callers import admit, caller_of
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.webhooks import (
    CreateWebhookBody,
    WebhooksQuery,
    hook_id_of,
    listed_webhooks,
    new_webhook_of,
)
from gpu_shopper.edge.wiring import deps, frame
from gpu_shopper.edge.wiring_webhooks import hooks
from gpu_shopper.store.webhooks import last_deliveries
from gpu_shopper.usecases import webhooks

app = http.new_app()


@app.post("/api/v1/webhooks")
def create_webhook(body: Annotated[CreateWebhookBody, Body()]) -> Response[NewWebhookBody]:
    """Have events sent to a URL; the secret that signs them is shown this once."""
    caller = caller_of(app.current_event.raw_event)
    made = webhooks.create(hooks(), caller, new_webhook_of(body, caller))
    answer = NewWebhookBody(webhook=WebhookBody.of(made.webhook), secret=made.secret)
    return Response(201, http.JSON, answer)


@app.get("/api/v1/webhooks")
def list_webhooks(query: Annotated[WebhooksQuery, Query()]) -> WebhooksBody:
    """Webhooks of the caller; operators see all."""
    return listed_webhooks(hooks(), caller_of(app.current_event.raw_event), query)


@app.get("/api/v1/webhooks/<webhook_id>")
def get_webhook(webhook_id: str) -> WebhookWithDeliveriesBody:
    """One webhook with its last 20 deliveries."""
    caller = caller_of(app.current_event.raw_event)
    hook = webhooks.get(hooks(), caller, hook_id_of(webhook_id))
    deliveries = last_deliveries(hooks().table, hook.id)
    return WebhookWithDeliveriesBody.with_deliveries(hook, deliveries)


@app.delete("/api/v1/webhooks/<webhook_id>")
def delete_webhook(webhook_id: str) -> WebhookDeletedBody:
    """Remove a webhook; what is queued for it is not sent any more."""
    hook_id = hook_id_of(webhook_id)
    webhooks.delete(hooks(), caller_of(app.current_event.raw_event), hook_id)
    return WebhookDeletedBody(id=hook_id)


@app.post("/api/v1/webhooks/<webhook_id>/test")
def try_webhook(
    webhook_id: str,
    body: Annotated[NoBody | None, Body()] = None,  # noqa: ARG001
) -> WebhookTestedBody:
    """Send one `webhook.test` now, once."""
    caller = caller_of(app.current_event.raw_event)
    return WebhookTestedBody.of(webhooks.send_test(hooks(), caller, hook_id_of(webhook_id)))


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    return http.serve(app, event, context, frame(), lambda one: admit(deps(), one))
