"""The handlers of `functions/`, run with a wiring of ours."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest.mock import patch

from gpu_shopper.core.session import Session
from gpu_shopper.core.webhooks import Posted
from gpu_shopper.edge.answers.sessions import SessionBody
from gpu_shopper.edge.http import Frame
from gpu_shopper.edge.logs import logger
from gpu_shopper.edge.publishing import EventBus
from gpu_shopper.usecases.costs import booked_costs
from gpu_shopper.usecases.deps import Deps, Probe
from gpu_shopper.usecases.hooks import Hooks
from tests.fakes import FakeCipher
from tests.hooks import FakeLetters
from tests.template.test_functions import FUNCTIONS as HANDLERS

SERVED = (
    "AuthorizerFunction",
    "InventoryApiFunction",
    "SessionsApiFunction",
    "HeartbeatApiFunction",
)
"""Functions that answer requests."""

__all__ = ["HANDLERS", "SERVED", "Wired", "answered", "rewired"]


@dataclass(frozen=True, slots=True)
class Wired:
    """What `edge/wiring.py` gives one function."""

    deps: Deps
    frame: Frame
    webhooks: Any
    published: Callable[[list[dict[str, Any]]], None]

    def event_bus(self) -> EventBus:
        """The bus, which takes everything."""
        return EventBus(self, "bus", self.deps.deployment_id)

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """See boto3."""
        self.published(Entries)
        return {"Entries": [{} for _ in Entries]}

    def hooks(self) -> Hooks:
        """Webhooks of nobody."""
        return Hooks(
            deps=self.deps,
            table=self.webhooks,
            cipher=FakeCipher("webhook"),
            check=lambda _target: None,
            post=lambda *_given: Posted(0, 200, None),
            letters=FakeLetters(),
            show=self._show,
        )

    def _show(self, session: Session) -> dict[str, Any]:
        cost = booked_costs(self.deps, [session])[session.id]
        return SessionBody.of(session, cost).model_dump()


@contextmanager
def rewired(
    wired: Callable[[str], Wired], probe: Probe, write: Callable[[str], None]
) -> Iterator[None]:
    """Meanwhile every function finds our wiring instead of its own, several runs at a time.

    All of them have one logger, as they have one code; `write` gets its lines.
    """
    handler: Any = logger.registered_handler
    with ExitStack() as stack:
        stack.callback(handler.setStream, handler.setStream(_Log(write)))
        for function, folder in HANDLERS.items():
            module = _module(folder)
            for name, value in _replaced(module, wired(function), probe).items():
                stack.enter_context(patch.object(module, name, value))
        yield


def answered(function: str, event: dict[str, Any]) -> Any:
    """What the handler of `function` answers."""
    return _module(HANDLERS[function]).handler(event, Run(f"gpu-shopper-{function}-0123456789AB"))


@dataclass(frozen=True, slots=True)
class Run:
    """What Lambda tells a function of its run, as long as it tells it."""

    function_name: str
    aws_request_id: str = "11111111-1111-4111-8111-111111111111"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        """The name with region and account."""
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"


class _Log(io.TextIOBase):
    """A stream that only counts what is written."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def write(self, text: str, /) -> int:
        self._write(text)
        return len(text)


def _module(folder: str) -> ModuleType:
    return importlib.import_module(f"functions.{folder}.app")


def _replaced(module: ModuleType, wired: Wired, probe: Probe) -> Mapping[str, Any]:
    given: dict[str, Any] = {
        "deps": lambda: wired.deps,
        "frame": lambda: wired.frame,
        "event_bus": wired.event_bus,
        "hooks": wired.hooks,
        "bootstrap_secret": lambda: "",
        "try_login": lambda *asked, **_public_only: probe(*asked),
    }
    return {name: value for name, value in given.items() if hasattr(module, name)}
