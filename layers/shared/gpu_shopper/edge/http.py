"""Requests in, answers out: what holds for every route, before and after its handler.

A function's app gives its resolver to `serve`; the checks here run before any body is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.edge.cors import cors_headers
from gpu_shopper.edge.messages import validation_failed
from gpu_shopper.edge.origins import begin_request
from gpu_shopper.edge.problems import body_of, headers_of, internal_body, reflected, status_of
from gpu_shopper.edge.requests import count, given_request_id, pattern_of, session_in
from gpu_shopper.errors import (
    InvalidJson,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    ShopperError,
    StoreUnavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from gpu_shopper.usecases.measuring import Note

type Event = dict[str, Any]
type Answer = dict[str, Any]

BODY_LIMIT_BYTES = 1024 * 1024
METHODS = ("GET", "POST", "PUT", "DELETE")
STORE_RETRY_AFTER_S = 5
JSON = "application/json"

_ACCEPTED = re.compile(r"(?:\*/\*|application/(?:\*|json))\s*(?:;.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every answer of a deployment needs: its log, fresh ids, browser origins it trusts.

    `note` is told of each request, with how long it took on `clock_s`.
    """

    logger: Logger
    new_id: Callable[[], str]
    allowed_origins: str
    note: Note
    clock_s: Callable[[], float]


def new_app() -> APIGatewayRestResolver:
    """A resolver whose validation errors have our shape; every other error goes to `serve`."""
    app = APIGatewayRestResolver(enable_validation=True)
    app.exception_handler(RequestValidationError)(_refuse)
    app.exception_handler(Exception)(_pass_on)
    return app


def _refuse(exc: RequestValidationError) -> Response[Any]:
    raise validation_failed(exc.errors()) from exc


def _pass_on(exc: Exception) -> Response[Any]:
    """Without this the resolver logs every error with its stack first, a 404 like a defect."""
    raise exc


def serve(
    app: APIGatewayRestResolver,
    event: Event,
    context: Any,
    frame: Frame,
    admit: Callable[[Event], None] | None = None,
) -> Answer:
    """Answer one request; whatever happens, the answer is ours.

    `admit` refuses callers that send too fast. HEAD is GET without its body.
    """
    began_s = frame.clock_s()
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    request_id = given_request_id(headers) or frame.new_id()
    logger = frame.logger
    logger.append_keys(request_id=request_id, **session_in(event["path"]))
    begin_request(event, request_id)
    method = event["httpMethod"]
    try:
        answer = _answered(app, event, headers, context, admit)
    except ShopperError as error:
        answer = _problem(error, request_id, logger)
    except (BotoCoreError, ClientError):
        logger.exception("an AWS service did not answer")
        answer = _problem(_store_down(), request_id, logger)
    except Exception:
        logger.exception("unexpected error")
        answer = {"statusCode": 500, "body": json.dumps(internal_body(request_id))}
    route, took_s = pattern_of(_routes(app, event["path"])), frame.clock_s() - began_s
    count(frame.note, method, route, answer["statusCode"], took_s)
    cors = cors_headers(headers.get("origin"), frame.allowed_origins)
    return _finished(answer, method, {**cors, "X-Request-ID": request_id})


def _answered(
    app: APIGatewayRestResolver,
    event: Event,
    headers: Mapping[str, str],
    context: Any,
    admit: Callable[[Event], None] | None,
) -> Answer:
    method, path = event["httpMethod"], event["path"]
    if method == "OPTIONS":
        return {"statusCode": 204, "body": ""}
    if admit is not None:
        admit(event)
    served = "GET" if method == "HEAD" else method
    _check_path(app, served, path)
    _check_accept(headers)
    route = next(route for route in _routes(app, path) if route.method == served)
    body = _checked_body(event, headers)
    if not route.dependant.body_params:
        _refuse_fields(body)
    _check_query(event, _known_parameters(route))
    answer: Answer = app.resolve(_as_checked(event, served), context)
    return answer


def _as_checked(event: Event, method: str) -> Event:
    """The event with what was checked here said in the one way that the resolver knows."""
    kept = {
        name: value
        for name, value in (event.get("headers") or {}).items()
        if name.lower() != "content-type"
    }
    return {
        **event,
        "httpMethod": method,
        "headers": {**kept, "Content-Type": JSON},
        "multiValueHeaders": {},
    }


def _check_path(app: APIGatewayRestResolver, method: str, path: str) -> None:
    """404 for a path that no route knows, 405 with what it knows otherwise."""
    allowed = allowed_methods(app, path)
    if not allowed:
        raise NotFound("no such path")
    if method not in allowed:
        heads = ["HEAD"] if "GET" in allowed else []
        raise MethodNotAllowed(
            "method not allowed on this path", allow=[*allowed, *heads, "OPTIONS"]
        )


def allowed_methods(app: APIGatewayRestResolver, path: str) -> list[str]:
    """The methods that some route of `app` has for `path`."""
    methods = {route.method for route in _routes(app, path)}
    return [method for method in METHODS if method in methods]


def _routes(app: APIGatewayRestResolver, path: str) -> list[Route]:
    """Routes whose pattern fits `path`, exact ones first; the resolver has no public list."""
    return [
        route for route in [*app._static_routes, *app._dynamic_routes] if route.rule.match(path)
    ]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, unless a name occurs twice: which value was meant?"""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _known_parameters(route: Route) -> frozenset[str]:
    """The query parameters that the route declares, by its models."""
    models = [param.field_info.annotation for param in route.dependant.query_params]
    return frozenset(name for model in models for name in getattr(model, "model_fields", {}))


def _check_accept(headers: Mapping[str, str]) -> None:
    accept = headers.get("accept") or "*/*"
    if not any(_ACCEPTED.fullmatch(part.strip()) for part in accept.split(",")):
        raise NotAcceptable("answers are application/json only")


def _checked_body(event: Event, headers: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the body; none without a body."""
    body = event.get("body") or ""
    if len(body) > BODY_LIMIT_BYTES or len(body.encode("utf-8", "replace")) > BODY_LIMIT_BYTES:
        raise PayloadTooLarge("the body is too large", limit_bytes=BODY_LIMIT_BYTES)
    if not body:
        return {}
    kind = (headers.get("content-type") or "").split(";")[0].strip().lower()
    if kind != JSON:
        raise UnsupportedMediaType(f"the body must be {JSON}")
    return _json_object(body)


def _json_object(body: str) -> dict[str, Any]:
    """A JSON object, not too deep, in text that can be stored."""
    try:
        parsed = json.loads(body, object_pairs_hook=_each_once)
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise InvalidJson("the body is not valid JSON") from exc
    if not isinstance(parsed, dict):
        raise InvalidJson("the body must be a JSON object")
    return parsed


def _refuse_fields(body: Mapping[str, Any]) -> None:
    """A route that takes no body takes an empty object, and knows no field."""
    if body:
        raise ValidationFailed([(reflected(name), _unknown(name)) for name in body])


def _check_query(event: Event, known: frozenset[str]) -> None:
    """Unknown parameters, and the same one twice, are refused: what was meant is not clear."""
    given = event.get("multiValueQueryStringParameters") or {}
    details = [(reflected(name), _unknown(name)) for name in given if name not in known]
    details += [
        (name, f"{name} is given more than once")
        for name, values in given.items()
        if name in known and len(values or []) > 1
    ]
    if details:
        raise ValidationFailed(details)


def _unknown(name: str) -> str:
    return f"{reflected(name)} is not known here"


def _store_down() -> StoreUnavailable:
    return StoreUnavailable(
        "the service is not available now", retry_after_seconds=STORE_RETRY_AFTER_S
    )


def _problem(error: ShopperError, request_id: str, logger: Logger) -> Answer:
    status = status_of(error)
    if status >= 500:
        logger.warning("request failed", error_type=error.code, status=status)
    return {
        "statusCode": status,
        "headers": headers_of(error),
        "body": json.dumps(body_of(error, request_id)),
    }


def _finished(answer: Answer, method: str, common: Mapping[str, str]) -> Answer:
    """The answer with the headers that every answer has; HEAD and 204 have no body."""
    own = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    own |= answer.get("headers") or {}
    own |= {**common, "Cache-Control": "no-store"}
    if answer["statusCode"] != 204:
        own["Content-Type"] = JSON
    body = "" if method == "HEAD" else answer.get("body") or ""
    return {
        "statusCode": answer["statusCode"],
        "headers": own,
        "body": body,
        "isBase64Encoded": False,
    }
