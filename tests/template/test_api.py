"""The gateway: routes, who needs a key, and the answers it makes itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.template.cfn import parameters, properties, resources, template

METHODS = {"get", "head", "post", "put", "patch", "delete", "options"}
OPEN_PATHS = ("/", "/{proxy+}", "/health", "/ready")
AGENTS_PATH = "/api/v1/sessions/{session_id}/heartbeat"
SERVED_BY = {
    "/api/v1/inventory": "InventoryApiFunction",
    "/api/v1/inventory/{proxy+}": "InventoryApiFunction",
    "/api/v1/offer-health": "InventoryApiFunction",
    "/api/v1/prices": "InventoryApiFunction",
    "/api/v1/templates": "InventoryApiFunction",
    "/api/v1/templates/{proxy+}": "InventoryApiFunction",
    "/api/v1/sessions": "SessionsApiFunction",
    "/api/v1/sessions/{session_id}": "SessionsApiFunction",
    "/api/v1/sessions/{session_id}/{proxy+}": "SessionsApiFunction",
    AGENTS_PATH: "HeartbeatApiFunction",
    "/api/v1/keys": "OperatorApiFunction",
    "/api/v1/keys/{proxy+}": "OperatorApiFunction",
    "/api/v1/orphans": "OperatorApiFunction",
    "/api/v1/orphans/{proxy+}": "OperatorApiFunction",
    "/api/v1/audit": "OperatorApiFunction",
    "/api/v1/webhooks": "WebhooksApiFunction",
    "/api/v1/webhooks/{proxy+}": "WebhooksApiFunction",
} | dict.fromkeys(OPEN_PATHS, "InventoryApiFunction")
GATEWAY_ANSWERS = {
    "DEFAULT_4XX": (None, "forbidden"),
    "DEFAULT_5XX": (502, "bad_gateway"),
    "RESOURCE_NOT_FOUND": (404, "not_found"),
    "UNAUTHORIZED": (401, "unauthorized"),
    "INVALID_API_KEY": (401, "unauthorized"),
    "ACCESS_DENIED": (403, "forbidden"),
    "AUTHORIZER_FAILURE": (500, "internal_error"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "internal_error"),
    "INVALID_SIGNATURE": (401, "unauthorized"),
    "EXPIRED_TOKEN": (401, "unauthorized"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not_found"),
    "INTEGRATION_FAILURE": (502, "bad_gateway"),
    "INTEGRATION_TIMEOUT": (504, "gateway_timeout"),
    "API_CONFIGURATION_ERROR": (500, "internal_error"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported_media_type"),
    "BAD_REQUEST_PARAMETERS": (400, "validation_error"),
    "BAD_REQUEST_BODY": (400, "validation_error"),
    "REQUEST_TOO_LARGE": (413, "payload_too_large"),
    "THROTTLED": (429, "rate_limited"),
    "QUOTA_EXCEEDED": (429, "rate_limited"),
    "WAF_FILTERED": (403, "forbidden"),
}
FIXED_TEXT = re.compile(r"[A-Za-z0-9 ,/.]+")
each_answer = pytest.mark.parametrize("kind", GATEWAY_ANSWERS)


def _paths() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = properties("Api")["DefinitionBody"]["paths"]
    return found


def _answer(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = properties("Api")["GatewayResponses"][kind]
    return found


def _body(kind: str) -> dict[str, Any]:
    text = _answer(kind)["ResponseTemplates"]["application/json"]
    filled: dict[str, Any] = json.loads(text.replace("$context.requestId", "an-id"))
    return filled


def _headers(kind: str, *, origins_listed: bool) -> dict[str, str]:
    chosen = {}
    for name, value in _answer(kind)["ResponseParameters"]["Headers"].items():
        if isinstance(value, dict):
            condition, then, otherwise = value["Fn::If"]
            assert condition == "HasOrigins"
            value = then if origins_listed else otherwise
        if value != {"Ref": "AWS::NoValue"}:
            chosen[name] = value
    return chosen


def test_the_api_has_exactly_these_paths() -> None:
    assert set(_paths()) == set(SERVED_BY)


@pytest.mark.parametrize("path", SERVED_BY)
def test_every_method_of_a_path_reaches_the_function_that_serves_it(path: str) -> None:
    calls = _paths()[path]
    assert set(calls) == METHODS
    for call in calls.values():
        integration = call["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
        assert f"functions/${{{SERVED_BY[path]}.Arn}}/" in integration["uri"]["Fn::Sub"]


@pytest.mark.parametrize("path", SERVED_BY)
def test_every_route_needs_a_key_but_health_ready_options_and_unknown_paths(path: str) -> None:
    """X-25: no route that spends or reveals anything answers without a key."""
    keyless = (*OPEN_PATHS, AGENTS_PATH)  # agents have a token, which the function compares
    wanted: list[dict[str, list[str]]] = [] if path in keyless else [{"ApiKey": []}]
    for method, call in _paths()[path].items():
        assert call.get("security", []) == ([] if method == "options" else wanted)


def test_the_authorizer_sees_the_header_and_is_asked_again_after_the_cache_time() -> None:
    (authorizer,) = properties("Api")["Auth"]["Authorizers"].values()
    assert authorizer["FunctionArn"] == {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}
    assert authorizer["FunctionPayloadType"] == "REQUEST"
    assert authorizer["Identity"] == {
        "Headers": ["Authorization"],
        "ReauthorizeEvery": {"Ref": "AuthorizerCacheS"},
    }


@pytest.mark.parametrize("function", sorted(set(SERVED_BY.values())))
def test_the_gateway_may_call_every_function_it_routes_to(function: str) -> None:
    permissions = [properties(name) for name in resources("AWS::Lambda::Permission")]
    (granted,) = [each for each in permissions if each["FunctionName"] == {"Ref": function}]
    assert granted["Principal"] == "apigateway.amazonaws.com"
    assert "${Api}" in granted["SourceArn"]["Fn::Sub"]


def test_the_stage_as_a_whole_is_throttled() -> None:
    (settings,) = properties("Api")["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "StageRatePerS"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "StageBurst"}
    assert (parameters()["StageRatePerS"]["Default"], parameters()["StageBurst"]["Default"]) == (
        500,
        1000,
    )


def test_a_changed_parameter_of_the_gateway_takes_effect_with_the_next_deploy() -> None:
    assert properties("Api")["AlwaysDeploy"] is True


def test_calls_are_logged_without_bodies_and_traced() -> None:
    api = properties("Api")
    assert api["TracingEnabled"] is True
    assert api["AccessLogSetting"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert json.loads(api["AccessLogSetting"]["Format"])["request_id"] == "$context.requestId"
    assert not [each for each in api["MethodSettings"] if each["DataTraceEnabled"]]


def test_no_answer_of_the_gateway_is_left_to_its_default() -> None:
    """N-51: every response type the gateway knows is written in our shape."""
    assert set(properties("Api")["GatewayResponses"]) == set(GATEWAY_ANSWERS)


@each_answer
def test_an_answer_of_the_gateway_has_status_and_word_of_the_contract(kind: str) -> None:
    """N-51: JSON shape and request id also for errors the gateway makes itself."""
    status, error_type = GATEWAY_ANSWERS[kind]
    body = _body(kind)
    assert _answer(kind).get("StatusCode") == status
    assert (body["error_type"], body["request_id"]) == (error_type, "an-id")


@each_answer
def test_an_answer_of_the_gateway_tells_nothing_of_the_request_or_our_insides(kind: str) -> None:
    assert FIXED_TEXT.fullmatch(_body(kind)["error"])


@each_answer
def test_an_answer_of_the_gateway_carries_the_headers_of_every_answer(kind: str) -> None:
    """N-51: the headers too."""
    headers = _headers(kind, origins_listed=False)
    assert headers["Content-Type"] == "'application/json'"
    assert headers["Cache-Control"] == "'no-store'"
    assert headers["X-Request-ID"] == "context.requestId"
    assert "Access-Control-Allow-Origin" not in headers


@each_answer
def test_a_page_of_a_listed_origin_can_read_the_gateways_answers(kind: str) -> None:
    """N-51: CORS headers as soon as any origin is listed."""
    headers = _headers(kind, origins_listed=True)
    assert headers["Access-Control-Allow-Origin"] == "method.request.header.Origin"
    assert headers["Access-Control-Expose-Headers"] == "'X-Request-ID, Retry-After'"
    assert headers["Vary"] == "'Origin'"


def test_only_a_401_asks_for_a_bearer_key() -> None:
    asking = {k for k in GATEWAY_ANSWERS if "WWW-Authenticate" in _headers(k, origins_listed=False)}
    assert asking == {kind for kind, (status, _) in GATEWAY_ANSWERS.items() if status == 401}


@pytest.mark.parametrize("kind", ["THROTTLED", "QUOTA_EXCEEDED"])
def test_a_throttled_caller_learns_when_to_come_back(kind: str) -> None:
    assert _headers(kind, origins_listed=False)["Retry-After"] == "'1'"
    assert _body(kind)["retry_after_seconds"] == 1


def test_a_body_too_large_for_the_gateway_names_our_limit() -> None:
    assert _body("REQUEST_TOO_LARGE")["limit_bytes"] == 1024 * 1024


def test_no_origin_is_listed_by_default() -> None:
    assert parameters()["AllowedOrigins"]["Default"] == ""
    assert template()["Conditions"]["HasOrigins"] == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "AllowedOrigins"}]}, ""]}]
    }
