"""A caller of the API, as small as a caller can be."""

from __future__ import annotations

from typing import Any

import requests

# Above the gateway's 29 s, so that it is the gateway that gives up first.
_TIMEOUT_S = 60


class ApiRefused(Exception):
    """The API answered with an error; `status` and `body` are its answer."""

    def __init__(self, request: str, status: int, body: Any) -> None:
        super().__init__(f"{request} was answered {status}: {_text(body)}")
        self.status = status
        self.body = body


class Api:
    """Calls with one key; every method returns the JSON body or raises ApiRefused."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self.http = requests.Session()
        if key is not None:
            self.http.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **query: Any) -> Any:
        """GET with query parameters."""
        return self.call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST of a JSON body, or of none."""
        return self.call("POST", path, json=body)

    def delete(self, path: str) -> Any:
        """DELETE."""
        return self.call("DELETE", path)

    def call(self, method: str, path: str, **how: Any) -> Any:
        """Any request; `how` goes to requests."""
        answer = self.send(method, path, **how)
        body = _body(answer)
        if answer.status_code >= 400:
            raise ApiRefused(f"{method} {path}", answer.status_code, body)
        return body

    def send(self, method: str, path: str, **how: Any) -> requests.Response:
        """The whole answer, whatever its status."""
        return self.http.request(method, self.url + path, timeout=_TIMEOUT_S, **how)


def _body(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _text(body: Any) -> str:
    if isinstance(body, dict) and "error" in body:
        return f"{body.get('error_type', 'error')}: {body['error']}"
    return str(body)[:500]
