"""The API's document: valid, complete, and true to the template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gpu_shopper.edge.http import METHODS
from reference import openapi, problems
from reference.meanings import MEANINGS, PARTS, WORDS
from reference.routes import queries_of, routes
from tests.template.cfn import properties

DOCUMENT = openapi.document()
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMES = [f"{method.upper()} {path}" for path, method, _ in OPERATIONS]
each_operation = pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=NAMES)

# Paths of the template that have no routes of their own: they answer what is unknown.
CATCH_ALL = {"/", "/{proxy+}"}
FUNCTIONS = {
    "inventory": "InventoryApiFunction",
    "health": "InventoryApiFunction",
    "sessions": "SessionsApiFunction",
    "costs": "CostsApiFunction",
    "heartbeats": "HeartbeatApiFunction",
    "keys": "OperatorApiFunction",
    "orphans": "OperatorApiFunction",
    "webhooks": "WebhooksApiFunction",
}


def _template_paths() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = properties("Api")["DefinitionBody"]["paths"]
    return found


def _template_path(path: str) -> str:
    """The path of the template through which the gateway sends `path`."""
    if path in _template_paths():
        return path
    greedy = [one for one in _template_paths() if one.endswith("{proxy+}")]
    return max((one for one in greedy if path.startswith(one[: -len("{proxy+}")])), key=len)


def _objects(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property below a schema, with where it is."""
    if isinstance(schema, list):
        for one in schema:
            yield from _objects(one, at)
    elif isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield f"{at}.{name}", value
        for key, value in schema.items():
            yield from _objects(value, f"{at}.{key}")


def test_it_is_a_valid_openapi_3_1_document() -> None:
    """QA-L2."""
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


@each_operation
def test_the_gateway_sends_it_to_the_function_that_has_the_route(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    """And asks for a key exactly where the document says so."""
    call = _template_paths()[_template_path(path)][method]
    uri = call["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    assert f"${{{FUNCTIONS[operation['tags'][0]]}.Arn}}" in uri
    security: Any = operation.get("security", DOCUMENT["security"])
    needs_key = {"ApiKey": []} in security
    assert bool(call.get("security")) is needs_key


def test_every_path_of_the_template_is_documented() -> None:
    used = {_template_path(path) for path in DOCUMENT["paths"]}
    assert used == set(_template_paths()) - CATCH_ALL


def test_the_document_has_each_route_once() -> None:
    served = [(route.openapi_path, route.method.lower()) for _, route in routes()]
    assert sorted(served) == sorted((path, method) for path, method, _ in OPERATIONS)
    assert {method.upper() for _, method in served} <= set(METHODS)


@each_operation
def test_every_parameter_has_a_meaning(path: str, method: str, operation: dict[str, Any]) -> None:
    inline = [one for one in operation["parameters"] if "$ref" not in one]
    assert [one["name"] for one in inline if not one.get("description")] == []


def test_every_property_has_a_meaning() -> None:
    components = DOCUMENT["components"]["schemas"]
    found = dict(_objects(components, "schemas"))
    assert [at for at, schema in found.items() if not schema.get("description")] == []


def test_no_meaning_and_no_list_of_words_is_left_over() -> None:
    fields = {
        (name, field)
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field in schema["properties"]
    } | {
        (query.__name__, field)
        for _, route in routes()
        for query in queries_of(route)
        for field in query.model_fields
    }
    own = {f"{model}.{field}" for model, field in fields}
    shared = {field for model, field in fields if f"{model}.{field}" not in MEANINGS}
    path_ids = {"session_id", "offer_id", "key_id", "hash_id", "webhook_id"}
    assert set(MEANINGS) - own - shared - path_ids == set()
    assert set(WORDS) - own == set()


def test_no_field_has_two_meanings() -> None:
    assert sum(map(len, PARTS)) == len(MEANINGS)


@each_operation
def test_every_error_has_the_one_body(path: str, method: str, operation: dict[str, Any]) -> None:
    good = {"200", "201", "202", "503"} if path in ("/health", "/ready") else {"200", "201", "202"}
    errors = {status: one for status, one in operation["responses"].items() if status not in good}
    assert {"400", "500", "502", "504"} <= set(errors)
    assert all(one["$ref"].endswith(f"/Error{status}") for status, one in errors.items())


def test_the_gateways_own_words_are_among_the_error_types() -> None:
    """N-51: a caller can rely on the list."""
    words = problems.words_by_status()
    for name, answer in properties("Api")["GatewayResponses"].items():
        said = answer["ResponseTemplates"]["application/json"]
        word = said.split('"error_type":"')[1].split('"')[0]
        status = answer.get("StatusCode", 403)
        assert word in words[status], name


def test_no_example_holds_a_secret() -> None:
    assert "PRIVATE KEY" not in openapi.text()
    assert not any(f"gsk_{role}_" in openapi.text() for role in ("operator", "example0"))
