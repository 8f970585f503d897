"""The API functions as one WSGI application: the gateway's part, on moto and without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.functions.calls import RUN, Handler, event

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

AGENTS = "/heartbeat"

type Caller = dict[str, str]

# The gateway answers this without asking a function.
UNAUTHORIZED = {
    "statusCode": 401,
    "headers": {
        "Content-Type": "application/json",
        "X-Request-ID": "gateway",
        "WWW-Authenticate": "Bearer",
    },
    "body": '{"error":"no key","error_type":"unauthorized","request_id":"gateway"}',
}


class Gateway:
    """Sends each request to the function that serves its path; whatever key is sent is good."""

    def __init__(self, handlers: Mapping[str, Handler], caller: Caller) -> None:
        self._handlers = handlers
        self._caller = caller

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        status = answer["statusCode"]
        start_response(f"{status} {responses.get(status, '')}", list(answer["headers"].items()))
        return [answer["body"].encode()]

    def _answer(self, environ: WSGIEnvironment) -> dict[str, Any]:
        path = environ["PATH_INFO"]
        if path.startswith("/api/v1/") and not environ.get("HTTP_AUTHORIZATION"):
            return UNAUTHORIZED
        answer: dict[str, Any] = self._handler(path)(self._event(environ), RUN)
        return answer

    def _handler(self, path: str) -> Handler:
        """The function of the longest prefix that fits."""
        if path.endswith(AGENTS):
            return self._handlers[AGENTS]
        fitting = [prefix for prefix in self._handlers if path.startswith(prefix)]
        return self._handlers[max(fitting, key=len)]

    def _event(self, environ: WSGIEnvironment) -> dict[str, Any]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        path = _text(environ["PATH_INFO"])
        return event(
            environ["REQUEST_METHOD"],
            path,
            query=parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True),
            body=environ["wsgi.input"].read(size).decode("utf-8", "replace") or None,
            headers=_headers(environ),
            caller=self._caller if path.startswith("/api/v1/") else None,
        )


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    found = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return found | {"Content-Type": environ.get("CONTENT_TYPE", "")}


def _text(path: str) -> str:
    """WSGI hands bytes over as Latin-1."""
    return path.encode("latin-1").decode("utf-8", "replace")
