"""A running world and its callers, as the end-to-end tests see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from local.api import Api
from local.endpoints import Endpoints
from local.functions import Functions
from local.network import wait_until
from local.world import World

DEPLOYMENT_ID = "e2etests"


@dataclass(frozen=True)
class Deployed:
    """A running world and its callers."""

    world: World
    endpoints: Endpoints
    consumer: Api
    operator: Api
    anonymous: Api
    simulator: Api
    functions: Functions

    def new_consumer(self, consumer_id: str) -> Api:
        """Another consumer, with a key of its own."""
        wish = {"role": "consumer", "consumer_id": consumer_id}
        made = self.operator.post("/api/v1/keys", wish)
        return Api(self.endpoints.api_url, made["api_key"])


def deploy(world: World, **overrides: str) -> Deployed:
    """Start `world` and its callers; `overrides` are template parameters."""
    endpoints = world.start(DEPLOYMENT_ID, overrides)
    return Deployed(
        world=world,
        endpoints=endpoints,
        consumer=Api(endpoints.api_url, endpoints.consumer_key),
        operator=Api(endpoints.api_url, endpoints.operator_key),
        anonymous=Api(endpoints.api_url),
        simulator=Api(endpoints.simulator_url),
        functions=world.functions(),
    )


def wait_for(ask: Callable[[], Any], within_s: float) -> Any:
    """The first true answer of `ask`; the test fails after `within_s` seconds without one."""
    answers: list[Any] = []

    def is_true() -> bool:
        answers.append(ask())
        return bool(answers[-1])

    if not wait_until(is_true, within_s, every_s=0.2):
        pytest.fail(f"not within {within_s} s; the last answer was {answers[-1]!r}")
    return answers[-1]
