"""A scripted network: what is sent is noted, what comes back is prepared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import ProviderError


@dataclass(frozen=True)
class Sent:
    """One request as it went out; a body that is no JSON stays text."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    host: str = ""


@dataclass(frozen=True)
class Answer:
    """One prepared answer. `content` that is neither text nor bytes is sent as JSON."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        text = self.content if isinstance(self.content, str) else json.dumps(self.content)
        return text.encode("utf-8", "surrogatepass")


type Step = Answer | Exception | Callable[[Sent], Answer]


class Network(BaseAdapter):
    """Answers requests with `steps` in turn; the last one for ever."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps: list[Step] = list(steps)
        self.sent: list[Sent] = []
        self.timeouts: list[Any] = []

    def send(  # type: ignore[override]  # the base class leaves its arguments untyped
        self, request: requests.PreparedRequest, timeout: Any = None, **_: Any
    ) -> requests.Response:
        url = urlsplit(request.url or "")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = _parsed(request.body)
        sent = Sent(request.method or "", url.path, query, request.headers, body, url.netloc)
        self.sent.append(sent)
        self.timeouts.append(timeout)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return self._response(request, step if isinstance(step, Answer) else step(sent))

    def close(self) -> None:
        """Nothing is kept open."""

    def _response(self, request: requests.PreparedRequest, answer: Answer) -> requests.Response:
        raw = HTTPResponse(
            BytesIO(answer.raw()),
            headers=dict(answer.headers),
            status=answer.status,
            preload_content=False,
        )
        build: Callable[..., requests.Response] = HTTPAdapter().build_response
        return build(request, raw)

    def methods(self) -> list[str]:
        """METHOD path of everything sent."""
        return [f"{one.method} {one.path}" for one in self.sent]


def _parsed(body: Any) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


class StoppedClock:
    """Time that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def read(self) -> float:
        return self.now_s


class Keys:
    """Credentials: the first key until somebody asks for it to be read again."""

    def __init__(self, keys: Iterable[str] = ("key-one-1234", "key-two-5678")) -> None:
        self._keys = list(keys)
        self.reads: list[bool] = []

    def __call__(self, fresh: bool) -> str:
        self.reads.append(fresh)
        if fresh and len(self._keys) > 1:
            self._keys.pop(0)
        return self._keys[0]


class Turns:
    """Lets every call go at once, and remembers who asked; or raises `refusal`."""

    def __init__(self, refusal: ProviderError | None = None) -> None:
        self.asked: list[tuple[str, Turn]] = []
        self.refusal = refusal

    def __call__(self, endpoint: str, turn: Turn) -> None:
        self.asked.append((endpoint, turn))
        if self.refusal is not None:
            raise self.refusal
