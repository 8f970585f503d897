"""Customers of the API: look at the inventory, rent, look again and again, end."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from bench.cost.deployment import ACCESS_LOG_BYTES, MeteredDeployment
from bench.cost.meter import EVENT_LOG_BYTES
from bench.cost.standing import traced
from gpu_shopper.core.api_keys import ApiKey, Role, digest, formatted
from gpu_shopper.store import access
from tests.builders import PUBLIC_KEY
from tests.functions.calls import event
from tests.simulation.scheduler import MINUTE, SECOND
from tests.simulation.tables import MemoryTable

AUTHORIZER_CACHE_MS = 30 * SECOND
SESSION_MS = 120 * MINUTE
SESSION_HOURS = 3
"""Reserved; the customer ends the session after two."""

POLL_MS = 30 * SECOND
GLANCES_MS = (30 * MINUTE, 60 * MINUTE, 90 * MINUTE)
"""When a customer looks at a session that runs."""

FIRST_BEAT_MS = 90 * SECOND
BEAT_MS = 30 * SECOND

METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/GET/api/v1/sessions"
_PATH = "/api/v1/sessions"
_ROUTES = {
    "SessionsApiFunction": "sessions",
    "InventoryApiFunction": "inventory",
    "HeartbeatApiFunction": "heartbeat",
}


class Gateway:
    """Asks the authorizer, and the function of each path."""

    def __init__(self, deployment: MeteredDeployment, consumers: int) -> None:
        self._deployment = deployment
        self._known_ms: dict[str, int] = {}
        self._keys = [self._made(number) for number in range(consumers)]

    def _made(self, number: int) -> tuple[dict[str, str], str]:
        """A consumer's key: as the authorizer tells it, and its text."""
        key_id, secret = f"{number:08x}", f"{number:043d}"
        scheduler = self._deployment.ports.scheduler
        key = ApiKey(
            id=key_id,
            role=Role.CONSUMER,
            secret_sha256=digest(secret),
            created_at=scheduler.now(),
            created_by="operator",
            consumer_id=f"consumer-{number}",
        )
        table: Any = MemoryTable(self._deployment.rows["AccessTable"])
        access.create_key(table, key)
        caller = {"key_id": key_id, "role": "consumer", "consumer_id": f"consumer-{number}"}
        return caller, formatted(key_id, secret)

    def ask(self, consumer: int, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The answer to one request, as JSON. Raises ValueError for a refusal."""
        caller, text = self._keys[consumer]
        self._authorise(text)
        function = "SessionsApiFunction" if path.startswith(_PATH) else "InventoryApiFunction"
        return self._answer(function, method, path, text, caller=caller, **more)

    def beat(self, session_id: str, token: str) -> None:
        """An agent's heartbeat: no key, and no authorizer."""
        body = {
            "session_id": session_id,
            "idle_seconds": 0,
            "gpu_util_pct": 87.5,
            "memory_used_mb": 20_123,
            "status": "running",
        }
        path = f"{_PATH}/{session_id}/heartbeat"
        self._answer("HeartbeatApiFunction", "POST", path, token, body=body)

    def _answer(
        self, function: str, method: str, path: str, token: str, **more: Any
    ) -> dict[str, Any]:
        meter = self._deployment.meter
        meter.count("gateway requests", f"{method} {_ROUTES[function]}")
        meter.count("xray traces", "requests", traced(method, path))
        meter.count("log bytes", "gateway", ACCESS_LOG_BYTES + EVENT_LOG_BYTES)
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._deployment.request(function, event(method, path, headers=headers, **more))
        if answer["statusCode"] >= 300:
            raise ValueError(answer["body"])
        told: dict[str, Any] = json.loads(answer["body"])
        return told

    def _authorise(self, text: str) -> None:
        now_ms = self._deployment.ports.scheduler.now_ms
        if self._known_ms.get(text, -AUTHORIZER_CACHE_MS) + AUTHORIZER_CACHE_MS > now_ms:
            return
        asked = {"headers": {"Authorization": f"Bearer {text}"}, "methodArn": METHOD_ARN}
        self._deployment.request("AuthorizerFunction", asked)
        self._known_ms[text] = now_ms


class Customer:
    """One session of two hours."""

    def __init__(
        self,
        number: int,
        provider: str,
        gateway: Gateway,
        from_ms: int,
        *,
        has_agent: bool = False,
    ) -> None:
        self._number = number
        self._provider = provider
        self._gateway = gateway
        self._from_ms = from_ms
        self._has_agent = has_agent
        self._id = ""
        self.is_done = False

    def begin(self, deployment: MeteredDeployment) -> None:
        """Plan everything."""
        self._scheduler = deployment.ports.scheduler
        self._scheduler.at(self._from_ms, self._create)

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return self._gateway.ask(self._number, method, path, **more)

    def _create(self) -> None:
        offers = self._ask("GET", "/api/v1/inventory", query={"provider": self._provider})["offers"]
        wanted = {
            "offer_id": offers[self._number % len(offers)]["id"],
            "workload_type": "ssh",
            "reservation_hours": SESSION_HOURS,
            "ssh_public_key": PUBLIC_KEY,
            "agent": self._has_agent,
        }
        made = self._ask("POST", _PATH, body=wanted)
        self._id = made["session"]["id"]
        if self._has_agent:
            self._scheduler.after(FIRST_BEAT_MS, partial(self._beat, made["agent_token"]))
        self._scheduler.after(POLL_MS, partial(self._look, "running"))
        for wait_ms in GLANCES_MS:
            self._scheduler.after(wait_ms, self._glance)
        self._scheduler.after(SESSION_MS, self._end)

    def _glance(self) -> None:
        self._shown()

    def _shown(self) -> dict[str, Any]:
        return self._ask("GET", f"{_PATH}/{self._id}")

    def _look(self, until: str) -> None:
        """Every half minute, until it runs or has stopped. Raises ValueError when it failed."""
        status = self._shown()["status"]
        if status == "failed":
            raise ValueError(f"a session failed: {self._shown()}")
        if status != until:
            self._scheduler.after(POLL_MS, partial(self._look, until))
        elif until == "stopped":
            self.is_done = True

    def _beat(self, token: str) -> None:
        """Every half minute, until the end is asked for."""
        if self._scheduler.now_ms < self._from_ms + SESSION_MS:
            self._gateway.beat(self._id, token)
            self._scheduler.after(BEAT_MS, partial(self._beat, token))

    def _end(self) -> None:
        self._ask("DELETE", f"{_PATH}/{self._id}")
        self._scheduler.after(POLL_MS, partial(self._look, "stopped"))
