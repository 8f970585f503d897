"""The routes, as the functions' resolvers have them: whose each is, what it takes and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import BaseModel

from functions.costs_api import app as costs_api
from functions.heartbeat_api import app as heartbeat_api
from functions.inventory_api import app as inventory_api
from functions.operator_api import app as operator_api
from functions.sessions_api import app as sessions_api
from functions.webhooks_api import app as webhooks_api

APIS = {
    "inventory": inventory_api,
    "sessions": sessions_api,
    "costs": costs_api,
    "heartbeats": heartbeat_api,
    "webhooks": webhooks_api,
    "keys": operator_api,
}
AGENTS = "heartbeats"
"""The group whose callers are the agents, with tokens instead of keys."""

EVENTS = Path(__file__).resolve().parents[1] / "events"


def routes() -> Iterator[tuple[str, Route]]:
    """Every route with the name of its group, in the order in which the functions write them."""
    for tag, api in APIS.items():
        written = [*api.app._static_routes, *api.app._dynamic_routes]
        for route in sorted(written, key=lambda one: one.func.__code__.co_firstlineno):
            yield tag, route


def models_of_routes() -> list[type[BaseModel]]:
    """Every model of a body or an answer, once, by name."""
    used = ((body_of(route), answer_of(route)) for _, route in routes())
    found = {model for pair in used for model in pair if model}
    return sorted(found, key=lambda model: model.__name__)


def is_public(route: Route) -> bool:
    """Whether a route needs no key."""
    return route.openapi_path in inventory_api.PUBLIC


def queries_of(route: Route) -> list[type[BaseModel]]:
    """The models of a route's query parameters."""
    return [_model(one.field_info.annotation) for one in route.dependant.query_params]


def body_of(route: Route) -> type[BaseModel] | None:
    """The model of a route's body; None when it takes none."""
    found = [_model(one.field_info.annotation) for one in route.dependant.body_params]
    return found[0] if found else None


def answer_of(route: Route) -> type[BaseModel]:
    """The model of a route's answer. Raises TypeError when the handler does not name it."""
    answer = route.dependant.return_param
    if answer is None:
        raise TypeError(f"{route.func.__name__} does not say what it answers")
    return _model(answer.field_info.annotation)


def _model(annotation: Any) -> type[BaseModel]:
    """The model of an annotation such as `Body` or `Body | None`."""
    parts = getattr(annotation, "__args__", (annotation,))
    (model,) = [one for one in parts if issubclass(one, BaseModel)]
    return cast("type[BaseModel]", model)


def sample_body_of(route: Route) -> Any:
    """The body of the sample event for this route; None when no event has one."""
    for file in sorted(EVENTS.glob("*_api/*.json")):
        event = json.loads(file.read_text("utf-8"))
        if (
            event["httpMethod"] == route.method
            and route.rule.match(event["path"])
            and event["body"]
        ):
            return json.loads(event["body"])
    return None
