"""The request journal: what was asked and answered, without keys and SSH material."""

from __future__ import annotations

import itertools
import re
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from simulator.clock import rfc3339

KEPT = 10_000
_LONGEST_TEXT = 4_000
_HIDDEN = "[redacted]"
_SECRET_FIELDS = {"api_key", "api_token", "image_login", "ssh_key", "ssh_keys", "password", "token"}
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----"
    r"|(?:ssh-[a-z0-9]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]{20,}[^\n\"']*"
    r"|[A-Za-z0-9+/]{200,}={0,2}"
    r"|(?<=Bearer )\S+"
    r"|(?<=AGENT_TOKEN=)\S+",
    re.DOTALL,
)


@dataclass
class Entry:
    """One request. `at_s` in the simulator's epoch seconds, duration in real milliseconds."""

    number: int
    at_s: float
    provider: str
    method: str
    path: str
    query: str
    body: Any
    operation: str | None = None
    status: int | None = None
    rules: list[str] = field(default_factory=list)
    duration_ms: float | None = None

    def shown(self) -> dict[str, Any]:
        """The entry as answered by the control endpoint."""
        values = asdict(self)
        values["at"] = rfc3339(values.pop("at_s"))
        values["rule"] = self.rules[0] if self.rules else None
        return values


class Journal:
    """The last requests to the providers."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all; numbers start again."""
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)

    def begin(self, at_s: float, provider: str, request: tuple[str, str, str], body: Any) -> Entry:
        """Note a request (method, path, query) before anything is done about it."""
        method, path, query = request
        entry = Entry(
            next(self._numbers), at_s, provider, method, path, _clean_form(query), redacted(body)
        )
        self.entries.append(entry)
        return entry


def redacted(value: Any) -> Any:
    """The same JSON value without secrets."""
    if isinstance(value, dict):
        return {
            name: _HIDDEN if name in _SECRET_FIELDS and part else redacted(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [redacted(part) for part in value]
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_HIDDEN, _clean_form(value))[:_LONGEST_TEXT]
    return value


def _clean_form(text: str) -> str:
    """A query, or a body that is a form, without keys."""
    return re.sub(r"\b((?:api_key|api_token|token)=)[^&\s]+", rf"\1{_HIDDEN}", text)
