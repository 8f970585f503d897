"""What is said and counted of each request: by method, pattern and status, never by the path."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aws_lambda_powertools.event_handler.api_gateway import Route

from gpu_shopper.usecases.measuring import Note, measured

UNMATCHED = "unmatched"

_PLACE = re.compile(r"<\w+>")
_REFUSALS = ("401", "403")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SESSION = re.compile(r"/sessions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|$)")


def given_request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id of a request, None without a usable one; header names in lower case."""
    given = headers.get("x-request-id") or ""
    return given if _REQUEST_ID.fullmatch(given) else None


def session_in(path: str) -> dict[str, str]:
    """The session that a path names, as the log says it."""
    found = _SESSION.search(path)
    return {"session_id": found[1]} if found else {}


def pattern_of(routes: list[Route]) -> str:
    """The pattern of the first of the routes that fit a path, as `/api/v1/sessions/{id}`."""
    return _PLACE.sub("{id}", routes[0].path) if routes else UNMATCHED


def count(note: Note, method: str, route: str, status: int, took_s: float) -> None:
    """One answered request."""
    metrics = {"HttpRequests": 1.0, "HttpLatency": round(took_s * 1_000, 1)}
    note(measured(metrics, Method=method, Route=route, Status=str(status)))
    if str(status) in _REFUSALS:
        count_refusal(note, str(status))


def count_refusal(note: Note, reason: str) -> None:
    """A request without a usable key, 401, or without the right, 403."""
    note(measured({"AuthFailures": 1}, Reason=reason))
