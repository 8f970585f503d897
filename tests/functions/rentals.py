"""Requests for sessions, as the tests of /sessions send them."""

from __future__ import annotations

from typing import Any

from tests.functions.calls import Client, Reply

BODY = {"offer_id": "vastai-1001", "workload_type": "ssh", "reservation_hours": 2}
PATH = "/api/v1/sessions"
SERVED: dict[str, Any] = {
    "launch_mode": "entrypoint",
    "docker_image": "vllm/vllm-openai",
    "exposed_ports": [8000],
}
UNKNOWN = "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a"


def post(client: Client, caller: dict[str, str] | None = None, **fields: Any) -> Reply:
    more = {"caller": caller} if caller else {}
    body = {name: value for name, value in (BODY | fields).items() if value is not ...}
    return client("POST", PATH, body=body, **more)
