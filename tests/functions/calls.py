"""Calls of the API functions as the gateway makes them, on moto and without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

type Handler = Callable[[dict[str, Any], object], dict[str, Any]]

CONSUMER = {"key_id": "alicekey", "role": "consumer", "consumer_id": "alice"}
OTHER = {"key_id": "bobkey00", "role": "consumer", "consumer_id": "bob"}
ADDRESS = "198.51.100.9"
OPERATOR = {"key_id": "operator", "role": "operator"}


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of its run."""

    aws_request_id: str = "run-1"
    function_name: str = "a-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:000000000000:function:a-function"


RUN = Context()


@dataclass
class Reply:
    """An answer as the caller gets it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        return [one["field"] for one in self.json.get("details", [])]


def event(
    method: str,
    path: str,
    *,
    query: dict[str, Any] | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    caller: dict[str, str] | None = CONSUMER,
) -> dict[str, Any]:
    """The gateway's event; a list as query value means that the parameter came that often."""
    given = {name: [str(v) for v in _many(value)] for name, value in (query or {}).items()}
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    sent = {"Content-Type": "application/json"} if text else {}
    context = {"httpMethod": method, "identity": {"sourceIp": ADDRESS}}
    return {
        "httpMethod": method,
        "path": path,
        "resource": path,
        "headers": sent | (headers or {}),
        "multiValueHeaders": {},
        "queryStringParameters": {name: values[-1] for name, values in given.items()} or None,
        "multiValueQueryStringParameters": given or None,
        "body": text,
        "isBase64Encoded": False,
        "requestContext": context | {"authorizer": caller} if caller else {},
    }


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@dataclass
class Client:
    """Sends requests to one function's handler."""

    handler: Handler
    caller: dict[str, str] | None = field(default_factory=lambda: dict(CONSUMER))

    def __call__(self, method: str, path: str, **more: Any) -> Reply:
        more.setdefault("caller", self.caller)
        answer = self.handler(event(method, path, **more), RUN)
        return Reply(answer["statusCode"], answer["headers"], answer["body"])
