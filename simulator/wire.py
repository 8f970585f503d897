"""What a provider module answers with, before it becomes bytes on a connection."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from simulator.faults.rules import Rule
    from simulator.instances import Instance


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as a JSON value, None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer; the content type is exactly `application/json`, as clients insist."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


def text_reply(text: str, status: int, kind: str = "text/plain") -> Reply:
    """A plain text or HTML answer."""
    return Reply(status, text.encode(), {"Content-Type": kind})


@dataclass
class Call:
    """One request to a provider, as its handlers see it. `path` has no provider prefix."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    args: dict[str, str] = field(default_factory=dict)
    operation: str = ""
    rules: list[Rule] = field(default_factory=list)
    instance: Instance | None = None

    def body(self) -> Any:
        """The JSON body; None for an empty one. Raises ValueError."""
        return json.loads(self.raw) if self.raw.strip() else None

    def rule(self, action: str) -> Rule | None:
        """The rule of that action which acts on this request."""
        return next((rule for rule in self.rules if rule.action == action), None)


Handler = Callable[[Call], Awaitable[Reply] | Reply]


@dataclass(frozen=True)
class Route:
    """One endpoint: a path pattern with {names}, its handler and what it is called in rules."""

    method: str
    pattern: str
    operation: str
    handler: Handler
    needs_key: bool = True


class Provider(Protocol):
    """One provider's wire format. A second provider is one more module with this shape."""

    name: str
    prefix: str
    paths_end_in_slash: bool
    routes: list[Route]

    def restart(self, seed: int, offers: int) -> None:
        """A fresh market and no state."""
        ...

    def knobs_changed(self) -> None:
        """Some knob of `/_test/config` was set."""
        ...

    def offer_facts(self, call: Call) -> tuple[str | None, str | None]:
        """(offer id, GPU name) that a create asks for."""
        ...

    def label_asked(self, body: Any) -> str | None:
        """The label in the body of a create, as far as there is one."""
        ...

    def refuse_key(self, call: Call) -> Reply | None:
        """The answer to a missing or wrong key, None when the key is good."""
        ...

    def refusal(self, status: int) -> Reply:
        """An error of that status in one of the provider's own shapes."""
        ...

    def ok_with_error(self, status_in_body: int, text: str) -> Reply:
        """HTTP 200 whose body says that it failed."""
        ...

    def no_capacity(self, status: int | None, text: str | None) -> Reply:
        """A create refused for lack of machines; None: as the provider usually does."""
        ...

    def not_found(self, call: Call) -> Reply:
        """No such path."""
        ...

    def offer_counts(self) -> dict[str, int]:
        """How many offers there are and how many can be rented."""
        ...

    def change_offers(self, body: Any) -> None:
        """Carry out a POST to the control endpoint for offers. Raises BadField."""
        ...

    def show_offers(self) -> list[dict[str, Any]]:
        """Offers in short, for the control endpoint."""
        ...

    def plant(self, label: str, gpu_type: str | None, price_usd: float | None) -> Instance:
        """A running machine that nobody asked for over the API. Raises BadField."""
        ...

    def reprice_offer(self, offer_id: str, factor: float) -> None:
        """The offer's price changes between listing and create."""
        ...
