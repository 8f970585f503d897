"""What is counted of each request: by method, pattern of the path and status, never by the path."""

from __future__ import annotations

import re

from aws_lambda_powertools.event_handler.api_gateway import Route

from gpu_shopper.usecases.measuring import Note, measured

UNMATCHED = "unmatched"

_PLACE = re.compile(r"<\w+>")
_REFUSALS = ("401", "403")


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
