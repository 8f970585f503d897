"""Every route that docs/openapi.json describes, with who may use it by the contract's table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local import paths

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Route:
    """One method on one path.

    `access`: open (no key needed), shared (any key), own (one's own sessions), operator, agent
    (no key, but the token of one session).
    `body` is one that passes validation; what it asks for need not exist. `parameters` and
    `fields`: names of its query and of its body, those that are numbers under `numbers`.
    """

    method: str
    path: str
    access: str
    body: dict[str, Any] | None
    parameters: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, session_id: str = NOBODY) -> str:
        """The path for one session; offers and keys in it do not exist."""
        return located(self.path, session_id)


def located(path: str, session_id: str = NOBODY) -> str:
    """A path pattern with its names filled in."""
    known = {
        "offer_id": "vastai-1",
        "key_id": "abcd1234",
        "hash_id": "unknown",
        "webhook_id": NOBODY,
        "provider": "vastai",
        "instance_id": "1",
        "consumer_id": "nobody",
    }
    return path.format(session_id=session_id, **known)


RENT = {"offer_id": "vastai-1", "workload_type": "ssh", "reservation_hours": 1}
_BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/sessions": RENT,
    "POST /api/v1/sessions/{session_id}/extend": {"additional_hours": 1},
    "PUT /api/v1/budgets/{consumer_id}": {"monthly_limit_usd": 1000},
    "POST /api/v1/sessions/{session_id}/override": {"max_hours": 24, "reason": "a test"},
    "POST /api/v1/orphans/{provider}/{instance_id}/destroy": {},
    "POST /api/v1/orphans/{provider}/{instance_id}/adopt": {},
    "POST /api/v1/keys": {"role": "consumer", "consumer_id": "made"},
    "POST /api/v1/webhooks": {"url": "ftp://nowhere"},
}


def _access(path: str) -> str:
    if not path.startswith("/api/"):
        return "open"
    if path.endswith("/heartbeat"):
        return "agent"
    operators = ("/api/v1/keys", "/api/v1/orphans", "/api/v1/audit", "/api/v1/budgets")
    if path.startswith(operators) or path.endswith(("/override", "/reconciliation")):
        return "operator"
    return "own" if path.startswith("/api/v1/sessions/") else "shared"


def _described() -> Iterator[Route]:
    document = json.loads((paths.ROOT / "docs" / "openapi.json").read_text("utf-8"))
    for path, operations in document["paths"].items():
        for verb in operations:
            method = verb.upper()
            query = _schemas_of_query(operations[verb])
            body = _schemas_of_body(document, operations[verb])
            yield Route(
                method,
                path,
                _access(path),
                _BODIES.get(f"{method} {path}"),
                tuple(query),
                tuple(body),
                frozenset(name for name, one in (query | body).items() if _is_number(one)),
            )


def _schemas_of_query(operation: Any) -> dict[str, Any]:
    declared = (one for one in operation.get("parameters", []) if one.get("in") == "query")
    return {one["name"]: one["schema"] for one in declared}


def _schemas_of_body(document: Any, operation: Any) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return {}
    schema = content["schema"]
    for one in (schema, *schema.get("anyOf", [])):
        if "$ref" in one:
            schema = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = schema.get("properties", {})
    return found


def _is_number(schema: Any) -> bool:
    types = {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", []))}
    return bool(types & {"integer", "number"})


ROUTES = tuple(_described())
CLOSED = tuple(route for route in ROUTES if route.access != "open")
READ = tuple(route for route in ROUTES if route.method == "GET")
PATHS = tuple(dict.fromkeys(route.path for route in ROUTES))
