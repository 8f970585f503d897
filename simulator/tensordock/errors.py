"""TensorDock's error answers: {error}, {status, error} within HTTP 200, and a bare JSON array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.wire import Reply, json_reply, text_reply

NO_NODES = "No available nodes found"
_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
    "</body>\r\n</html>"
)
_TEXTS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    429: "Too many requests, please try again later.",
}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a create body, and where."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()


def in_body(status_in_body: int, text: str) -> Reply:
    """HTTP 200 that says in its body that it failed."""
    return json_reply({"status": status_in_body, "error": text})


def failed(status: int, text: str) -> Reply:
    """An honest error status with the same body."""
    return json_reply({"status": status, "error": text}, status)


def invalid(problems: list[Problem]) -> Reply:
    """A refused body: the answer is an array, not an object."""
    rows: list[dict[str, Any]] = [
        {"code": problem.code, "message": problem.message, "path": list(problem.path)}
        for problem in problems
    ]
    return json_reply(rows, 400)


def no_such_instance() -> Reply:
    """Unknown or gone."""
    return failed(404, "Instance not found")


def no_such_path(method: str, path: str) -> Reply:
    """No such endpoint."""
    text = f"Route {method}:{path} not found"
    return json_reply({"statusCode": 404, "error": "Not Found", "message": text}, 404)


def of(status: int) -> Reply:
    """An error of that status without effect."""
    if status == 400:
        return invalid([Problem("custom", "Invalid request")])
    if status == 502:
        return text_reply(_BAD_GATEWAY, 502, "text/html")
    text = "Internal server error" if status >= 500 else f"error {status}"
    return json_reply({"error": _TEXTS.get(status, text)}, status)
