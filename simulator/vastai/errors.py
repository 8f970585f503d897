"""Vast.ai's error answers in the several shapes in which they are really sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from simulator.wire import Reply, json_reply, text_reply

_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>"
)
_TOO_FREQUENT = "API requests too frequent: endpoint threshold=4.5"


def error(status: int, name: str, msg: str, **more: object) -> Reply:
    """The common shape: {success: false, error, msg}."""
    return json_reply({"success": False, "error": name, "msg": msg, **more}, status)


def wrong_key() -> Reply:
    """An unknown key is told with 404, not 401."""
    return error(404, "auth_error", "Invalid user key")


def no_key() -> Reply:
    """No key at all."""
    return error(403, "auth_error", "This action requires login.")


def no_such_ask(ask_id: str, status: int = 400) -> Reply:
    """The offer is taken or gone; three spellings of the same thing."""
    if status == 410:
        msg = f"error 410/3907: no_such_ask  Instance type by id {ask_id} is no longer available."
        return error(410, "no_such_ask", msg, ask_id=_number(ask_id))
    msg = f"error 404/3603: no_such_ask  Instance type by id {ask_id} is not available."
    return error(status, "invalid_args", msg, ask_id=_number(ask_id))


def no_such_instance(instance_id: str) -> Reply:
    """Unknown or gone."""
    return error(404, "no_such_instance", f"Instance {instance_id} not found.")


class Refusals:
    """An error for any status; 429 and 5xx take their known shapes in turn."""

    def __init__(self) -> None:
        self._turn = itertools.count()

    def of(self, status: int) -> Reply:
        """An answer with that status and no effect."""
        if status == 429:
            return self._too_frequent()
        fixed: dict[int, Callable[[], Reply]] = {
            400: lambda: error(400, "invalid_args", "Invalid arguments."),
            401: lambda: error(401, "auth_error", "User does not have permission."),
            403: no_key,
            404: wrong_key,
            502: lambda: text_reply(_BAD_GATEWAY, 502, "text/html"),
        }
        if status in fixed:
            return fixed[status]()
        if status >= 500:
            return error(status, "internal_error", "Internal server error.")
        return error(status, "error", f"error {status}")

    def _too_frequent(self) -> Reply:
        shapes = (
            lambda: text_reply(_TOO_FREQUENT, 429),
            lambda: json_reply({"detail": "API requests too frequent endpoint threshold=1.0"}, 429),
            lambda: error(429, "rate_limit_exceeded", "Too many requests."),
            lambda: json_reply(
                {
                    "message": "too many requests by the client.\n\n" + _TOO_FREQUENT + "*1.0\n\n",
                    "code": "429 Too Many Requests",
                },
                429,
            ),
        )
        return shapes[next(self._turn) % len(shapes)]()


def failed_in_body(status_in_body: int, text: str) -> Reply:
    """HTTP 200 that says success:false."""
    body = {"success": False, "error": "error", "msg": text, "status": status_in_body}
    return json_reply(body)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
