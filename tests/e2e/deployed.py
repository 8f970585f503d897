"""A running world and its callers, as the end-to-end tests see it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from local.api import Api
from local.build import build
from local.endpoints import Endpoints
from local.functions import Functions
from local.network import wait_until
from local.world import World

DEPLOYMENT_ID = "e2etests"

# Runs that overlap are harmless, but each would need a worker of its own: seconds to start.
_SWEEPING = threading.Lock()


@dataclass(frozen=True)
class Deployed:
    """A running world and its callers."""

    world: World
    endpoints: Endpoints
    functions: Functions
    overrides: dict[str, str]
    answers: list[requests.Response] = field(default_factory=list)
    """Every answer of the API, to be judged together at the end."""

    @property
    def simulator(self) -> Api:
        """The simulator's control endpoints; a connection of its own for whoever asks."""
        return Api(self.endpoints.simulator_url)

    @property
    def consumer(self) -> Api:
        """The consumer that every world has."""
        return self.caller(self.endpoints.consumer_key)

    @property
    def operator(self) -> Api:
        """The operator whose key the deployment generated."""
        return self.caller(self.endpoints.operator_key)

    @property
    def anonymous(self) -> Api:
        """Somebody without a key."""
        return self.caller(None)

    def caller(self, key: str | None) -> Api:
        """A caller with this key and a connection of its own, whose answers are kept."""
        api = Api(self.endpoints.api_url, key)
        api.http.hooks["response"].append(lambda answer, **_: self.answers.append(answer))
        return api

    def new_key(self, consumer_id: str) -> str:
        """Another consumer's API key."""
        wish = {"role": "consumer", "consumer_id": consumer_id}
        made = self.operator.post("/api/v1/keys", wish)
        return str(made["api_key"])

    def new_consumer(self, consumer_id: str) -> Api:
        """Another consumer, with a key of its own."""
        return self.caller(self.new_key(consumer_id))

    def redeploy(self) -> None:
        """Update the stack from the same template with the same parameters."""
        self.world.deploy(build(), DEPLOYMENT_ID, self.overrides)

    def sweep(self, logical_id: str, provider: str = "vastai") -> Any:
        """Run one of a provider's sweeps now, after those that are under way."""
        with _SWEEPING:
            return self.functions.invoke(logical_id, {"provider": provider})


def deploy(world: World, **overrides: str) -> Deployed:
    """Start `world` and its callers; `overrides` are template parameters."""
    endpoints = world.start(DEPLOYMENT_ID, overrides)
    return Deployed(world, endpoints, world.functions(), overrides)


def wait_for(ask: Callable[[], Any], within_s: float) -> Any:
    """The first true answer of `ask`; the test fails after `within_s` seconds without one."""
    answers: list[Any] = []

    def is_true() -> bool:
        answers.append(ask())
        return bool(answers[-1])

    if not wait_until(is_true, within_s, every_s=0.4):
        pytest.fail(f"not within {within_s} s; the last answer was {answers[-1]!r}")
    return answers[-1]
