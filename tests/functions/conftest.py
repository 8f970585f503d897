"""The API functions, wired to a fresh world."""

from __future__ import annotations

import importlib
import io
import time
from dataclasses import replace
from types import ModuleType

import pytest
from aws_lambda_powertools import Logger

from gpu_shopper.edge import origins, wiring
from gpu_shopper.edge.http import Frame
from gpu_shopper.usecases.deps import Deps
from tests.functions.calls import Client
from tests.hooks import Mail, mail_of
from tests.world import World

API = (
    "inventory_api",
    "sessions_api",
    "heartbeat_api",
    "costs_api",
    "operator_api",
    "webhooks_api",
)


@pytest.fixture
def wired(world: World, frame: Frame, mail: Mail, monkeypatch: pytest.MonkeyPatch) -> World:
    """Every API function uses this world."""

    def deps() -> Deps:
        return replace(world.deps, origin=lambda: origins.current("api"))

    for name in API:
        monkeypatch.setattr(_module(name), "deps", deps)
        monkeypatch.setattr(_module(name), "frame", lambda: frame)
    webhooks = replace(mail.hooks, deps=deps())
    for name in ("webhooks_api", "operator_api"):
        monkeypatch.setattr(_module(name), "hooks", lambda: webhooks)
    return world


@pytest.fixture
def mail(world: World) -> Mail:
    """Receivers and the queue of messages to them."""
    return mail_of(world)


@pytest.fixture
def log() -> io.StringIO:
    """What the functions log."""
    return io.StringIO()


@pytest.fixture
def frame(world: World, log: io.StringIO) -> Frame:
    """Log to memory, fresh ids, one trusted browser origin."""
    # Loggers of one service share their first stream: each test needs a name of its own.
    logger = Logger(service=wiring.new_id(), stream=log)
    return Frame(logger, wiring.new_id, "https://app.example", world.deps.note, time.perf_counter)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"functions.{name}.app")


@pytest.fixture
def inventory(wired: World) -> Client:
    """The function that lists offers."""
    return Client(_module("inventory_api").handler)


@pytest.fixture
def sessions(wired: World) -> Client:
    """The function that holds sessions."""
    return Client(_module("sessions_api").handler)


@pytest.fixture
def costs(wired: World) -> Client:
    """The function that reads the ledger."""
    return Client(_module("costs_api").handler)


@pytest.fixture
def agents(wired: World) -> Client:
    """The function for agents; nobody has told it who calls."""
    return Client(_module("heartbeat_api").handler, caller=None)


@pytest.fixture
def webhooks(wired: World) -> Client:
    """The function that holds webhooks."""
    return Client(_module("webhooks_api").handler)


@pytest.fixture
def keys(wired: World) -> Client:
    """The function for operators."""
    return Client(_module("operator_api").handler)
