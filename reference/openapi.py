"""The API's OpenAPI document: routes from the resolvers, schemas from the models.

The resolvers' own generator is not used: it writes neither the bounds of query parameters nor the
fields of our answers, and it promises a 422 that this API never gives.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import BaseModel

from gpu_shopper import __version__
from gpu_shopper.edge import repeats
from reference import models, problems
from reference.meanings import meaning
from reference.routes import (
    AGENTS,
    APIS,
    answer_of,
    body_of,
    is_public,
    models_of_routes,
    queries_of,
    routes,
    sample_body_of,
)

type Schema = dict[str, Any]

ABOUT = """\
Rents commodity GPUs for applications and proves that every rental ends.

Instants are UTC (RFC 3339 with `Z`), prices USD, fields without a value are left out. Every path
answers HEAD wherever it answers GET, with GET's status and headers and no body; OPTIONS answers 204
and needs no key; another method gets 405 with `Allow`. Unknown parameters and fields are refused.
`X-Request-ID` is taken over, or made, and is in every answer.
"""

# What the handlers answer when all is well; 200 unless said here.
_GOOD: dict[str, tuple[int, ...]] = {
    "create_session": (201,),
    "signal_done": (202,),
    "delete_session": (200, 202),
    "create_key": (201,),
    "put_budget": (200, 201),
    "destroy_orphan": (200, 202),
    "create_webhook": (201,),
    "health": (200, 503),
    "ready": (200, 503),
}
# Errors that only some routes give; `_common` adds the rest.
_OWN_ERRORS: dict[str, tuple[int, ...]] = {
    "list_inventory": (404,),
    "create_session": (403, 404, 409, 422),
    "list_sessions": (403,),
    "signal_done": (409,),
    "delete_session": (409,),
    "extend_session": (409,),
    "override_hard_max": (403, 409),
    "get_diagnostics": (409,),
    "get_costs": (403, 404),
    "get_costs_summary": (403,),
    "get_reconciliation": (403,),
    "create_key": (403, 409),
    "put_budget": (403, 409),
    "get_budgets": (403,),
    "get_budget": (403,),
    "remove_budget": (403, 409),
    "list_keys": (403,),
    "revoke_key": (403, 409),
    "list_orphans": (403,),
    "destroy_orphan": (403, 409),
    "adopt_orphan": (403, 409),
    "list_events": (403,),
    "create_webhook": (403, 409),
    "list_webhooks": (403,),
    "delete_webhook": (409,),
}
_SAMPLE_IDS = {
    "session_id": "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a",
    "offer_id": "vastai-1001",
    "key_id": "example0",
    "consumer_id": "alice",
    "provider": "vastai",
    "instance_id": "5001",
    "webhook_id": "3f0c6f3e-7a55-4f0e-9d59-0a4b1c2d3e4f",
    "hash_id": "38a9dab633743d43107eb9a80d4ada9e",
}
_HEADERS: dict[str, tuple[str, str]] = {
    "X-Request-ID": ("string", "The id of this request."),
    "Location": ("string", "Path of what was made."),
    "Allow": ("string", "The methods of this path."),
    "Retry-After": ("integer", "Seconds to wait."),
    "WWW-Authenticate": ("string", "`Bearer`."),
}


def text() -> str:
    """The document as it is kept in `docs/`."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Schema:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cloud GPU Shopper",
            "version": __version__,
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The stage's address, output `ApiUrl`."}],
        "security": [{"ApiKey": []}],
        "tags": [{"name": tag} for tag in (*APIS, "orphans", "health")],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "ApiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, `gsk_<id>_<secret>`, of a consumer or operator.",
                },
                "AgentToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of one session, `agent_token`, while it is live.",
                },
            },
            "parameters": {"RequestId": _request_id()},
            "headers": {
                name: {"description": text, "schema": {"type": kind}}
                for name, (kind, text) in _HEADERS.items()
            },
            "responses": problems.responses(),
            "schemas": {"Error": problems.error_schema(), **models.schemas(models_of_routes())},
        },
    }


def _paths() -> dict[str, Schema]:
    paths: dict[str, Schema] = {}
    for tag, route in routes():
        paths.setdefault(route.openapi_path, {})[route.method.lower()] = _operation(tag, route)
    return paths


def _operation(tag: str, route: Route) -> Schema:
    name = route.func.__name__
    public = is_public(route)
    operation: Schema = {
        "operationId": name,
        "summary": inspect.getdoc(route.func),
        "tags": [_tag(route, tag, public=public)],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route),
            *_OWN_HEADERS.get(name, ()),
            _REQUEST_ID,
        ],
        "responses": {**_good(route), **_bad(tag, route, public=public)},
    }
    if public or tag == AGENTS:
        operation["security"] = [] if public else [{"AgentToken": []}]
    body = body_of(route)
    if body is not None:
        operation["requestBody"] = _request_body(route, body)
    return operation


def _tag(route: Route, tag: str, *, public: bool) -> str:
    """The group of a route: its function's, unless that serves more than one."""
    if public:
        return "health"
    return "orphans" if "/orphans" in route.openapi_path else tag


_REQUEST_ID = {"$ref": "#/components/parameters/RequestId"}
_IDEMPOTENCY_KEY = {
    "name": repeats.HEADER,
    "in": "header",
    "required": False,
    "description": "Your name of this request: sent again within 24 hours, it makes no second one.",
    "schema": {"type": "string", "pattern": repeats.PATTERN},
}
_OWN_HEADERS: dict[str, tuple[Schema, ...]] = {"create_session": (_IDEMPOTENCY_KEY,)}


def _request_id() -> Schema:
    return {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "Your id of this request, `[A-Za-z0-9._-]{1,128}`; else another is made.",
        "schema": {"type": "string"},
    }


def _path_parameters(route: Route) -> list[Schema]:
    return [
        {
            "name": one.name,
            "in": "path",
            "required": True,
            "description": meaning("path", one.name),
            "schema": {"type": "string"},
            "example": _SAMPLE_IDS[one.name],
        }
        for one in route.dependant.path_params
    ]


def _query_parameters(route: Route) -> list[Schema]:
    return [parameter for query in queries_of(route) for parameter in models.parameters(query)]


def _request_body(route: Route, body: type[BaseModel]) -> Schema:
    content: Schema = {"schema": _ref(body)}
    sample = sample_body_of(route)
    if sample is not None:
        content["example"] = sample
    required = any(one.required for one in route.dependant.body_params)
    return {"required": required, "content": {"application/json": content}}


def _good(route: Route) -> dict[str, Schema]:
    headers = ["X-Request-ID"]
    if route.func.__name__ == "create_session":
        headers.append("Location")
    model = answer_of(route)
    answer = {
        "description": inspect.getdoc(model),
        "headers": {one: {"$ref": f"#/components/headers/{one}"} for one in headers},
        "content": {"application/json": {"schema": _ref(model)}},
    }
    return {str(status): answer for status in _GOOD.get(route.func.__name__, (200,))}


def _bad(tag: str, route: Route, *, public: bool) -> dict[str, Schema]:
    name = route.func.__name__
    statuses = {*_common(tag, route, public=public), *_OWN_ERRORS.get(name, ())}
    statuses -= {*_GOOD.get(name, ())}
    return {
        str(status): {"$ref": f"#/components/responses/{problems.name(status)}"}
        for status in sorted(statuses)
    }


def _common(tag: str, route: Route, *, public: bool) -> Iterator[int]:
    yield from (400, 406, 413, 415, 500, 502, 503, 504)
    if not public:
        yield from (401, 429)
    # Of whom an agent's token is not, it learns nothing.
    if route.dependant.path_params and tag != AGENTS:
        yield 404


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
