"""Calls the deployed functions directly, the way a schedule or a state machine does."""

from __future__ import annotations

import json
from typing import Any

from local import aws

PROVIDERS = ("vastai", "tensordock")
NO_SESSION = {"session_id": "00000000-0000-4000-8000-000000000000", "attempt": 1}

EACH_PROVIDER: list[dict[str, Any]] = [{"provider": name} for name in PROVIDERS]

# Once right after a deploy, so that nobody waits a minute for the schedules to come round.
FIRST_SWEEPS: dict[str, list[dict[str, Any]]] = {
    "ExpireSessionsFunction": [{}],
    "ReconcileFunction": EACH_PROVIDER,
    "AccrueCostsFunction": [{}],
    "RefreshInventoryFunction": [*EACH_PROVIDER, {"provider": "vastai", "what": "templates"}],
    "PublishGaugesFunction": [{}],
}
# Steps of a session that does not exist: they find nothing to do, and their worker is warm.
WARMING: dict[str, list[dict[str, Any]]] = {
    "ProvisionStepFunction": [{"step": "look", **NO_SESSION}],
    "VerifySshFunction": [{"step": "verify", **NO_SESSION}],
    "TeardownStepFunction": [{"step": "prove", **NO_SESSION}],
}
# One for each function behind the API; the authorizer gets warm with them.
WARMED_ROUTES = ("/health", "/api/v1/sessions", "/api/v1/costs/summary", "/api/v1/keys")


class FunctionFailed(Exception):
    """A function ended with an error instead of an answer."""


class Functions:
    """The functions of one deployed stack, by their logical ids."""

    def __init__(self, emulator_url: str, physical_ids: dict[str, str]) -> None:
        self._client = aws.client("lambda", emulator_url)
        self._physical_ids = physical_ids

    def invoke_each(self, logical_id: str, events: list[dict[str, Any]]) -> None:
        """`invoke` with each event in turn: at the same time each would start a worker."""
        for event in events:
            self.invoke(logical_id, event)

    def invoke(self, logical_id: str, event: dict[str, Any]) -> Any:
        """The function's answer to `event`. Raises FunctionFailed."""
        answer = self._client.invoke(
            FunctionName=self._physical_ids[logical_id], Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise FunctionFailed(f"{logical_id}: {json.dumps(payload)[:2000]}")
        return payload
