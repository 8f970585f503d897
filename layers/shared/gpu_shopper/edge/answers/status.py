"""Health and readiness."""

from __future__ import annotations

from gpu_shopper.edge.answers.values import Shown


class HealthBody(Shown):
    """How the deployment's parts are doing."""

    status: str
    timestamp: str
    version: str
    services: dict[str, str]


class ReadyBody(Shown):
    """Whether the deployment is ready, and what it waits for."""

    ready: bool
    timestamp: str
    waiting_for: list[str] | None = None
