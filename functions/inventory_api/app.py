"""GET /inventory, /templates, /prices, /health …: whatever only reads; also unknown paths."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from gpu_shopper import __version__
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge import http
from gpu_shopper.edge.answers.health import OfferHealthBody
from gpu_shopper.edge.answers.offers import InventoryBody, OfferBody
from gpu_shopper.edge.answers.prices import PricesBody
from gpu_shopper.edge.answers.status import HealthBody, ReadyBody
from gpu_shopper.edge.answers.templates import FittingTemplatesBody, TemplateBody, TemplatesBody
from gpu_shopper.edge.bodies import InventoryQuery, OfferHealthQuery, PricesQuery, TemplatesQuery
from gpu_shopper.edge.callers import admit, caller_of
from gpu_shopper.edge.inventory import (
    inventory_body,
    menu_of,
    offer_health_body,
    offer_id_of,
)
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.prices import prices_body
from gpu_shopper.edge.templates import fitting_body, hash_id_of, templates_body
from gpu_shopper.edge.wiring import deps, frame
from gpu_shopper.usecases import health as health_cases
from gpu_shopper.usecases import inventory, templates

PUBLIC = ("/health", "/ready")
"""Routes that need no key; everything else here is behind the authorizer, or no route at all."""

KEYED = ("/api/v1/inventory", "/api/v1/offer-health", "/api/v1/prices", "/api/v1/templates")

app = http.new_app()


@app.get("/api/v1/inventory")
def list_inventory(query: Annotated[InventoryQuery, Query()]) -> InventoryBody:
    """Offers of all usable providers, filtered, sorted and paged."""
    return inventory_body(menu_of(deps(), query), query, deps().settings)


@app.get("/api/v1/inventory/<offer_id>")
def get_offer(offer_id: str) -> OfferBody:
    """One offer, exactly as the list shows it."""
    provider, canonical = offer_id_of(offer_id, deps().enabled_providers)
    return OfferBody.of(inventory.get_offer(deps(), provider, canonical))


@app.get("/api/v1/inventory/<offer_id>/compatible-templates")
def compatible_templates(offer_id: str) -> FittingTemplatesBody:
    """The templates with which one offer can be rented."""
    provider, canonical = offer_id_of(offer_id, deps().enabled_providers)
    return fitting_body(deps(), inventory.get_offer(deps(), provider, canonical))


@app.get("/api/v1/templates")
def list_templates(query: Annotated[TemplatesQuery, Query()]) -> TemplatesBody:
    """Templates that the provider recommends, most used first."""
    return templates_body(deps(), query)


@app.get("/api/v1/templates/<hash_id>")
def get_template(hash_id: str) -> TemplateBody:
    """One template."""
    return TemplateBody.of(templates.get_template(deps(), hash_id_of(hash_id)))


@app.get("/api/v1/offer-health")
def offer_health(query: Annotated[OfferHealthQuery, Query()]) -> OfferHealthBody:
    """Offers and GPU types whose failures still count."""
    return offer_health_body(deps(), query)


@app.get("/api/v1/prices")
def list_prices(query: Annotated[PricesQuery, Query()]) -> PricesBody:
    """Price and availability of each kind of offer, hour by hour or day by day."""
    return prices_body(deps(), caller_of(app.current_event.raw_event), query)


@app.get("/health")
def health() -> Response[HealthBody]:
    """How the deployment is doing; 503 when its store cannot be read."""
    found = health_cases.checked(deps())
    body = HealthBody(
        status="ok" if found.ok else "unavailable",
        timestamp=to_text(found.at),
        version=__version__,
        services=found.services,
    )
    return Response(200 if found.ok else 503, http.JSON, body)


@app.get("/ready")
def ready() -> Response[ReadyBody]:
    """Whether this release may be used yet, and what it waits for."""
    waiting_for = health_cases.waiting_for(deps())
    body = ReadyBody(
        ready=not waiting_for,
        timestamp=to_text(deps().now()),
        waiting_for=waiting_for or None,
    )
    return Response(503 if waiting_for else 200, http.JSON, body)


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    return http.serve(app, event, context, frame(), _admit)


def _admit(event: dict[str, Any]) -> None:
    """Only routes behind the authorizer have a caller to count."""
    if event["path"].startswith(KEYED):
        admit(deps(), event)
