"""Whether the deployment works, and whether it is ready: read from the table, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpu_shopper.store import operations
from gpu_shopper.usecases.deps import Deps

SWEEP_EVERY = timedelta(minutes=1)
LATE_AFTER = 3 * SWEEP_EVERY
"""A sweep is late after three missed intervals."""


@dataclass(frozen=True, slots=True)
class Health:
    """The word for each service: ok, late or down."""

    at: datetime
    services: dict[str, str]

    @property
    def ok(self) -> bool:
        """True while the store can be read; late sweeps do not make the API unavailable."""
        return self.services["store"] == "ok"


def checked(deps: Deps) -> Health:
    """How each part is doing now."""
    now = deps.now()
    if operations.can_be_read(deps.operations):
        return Health(now, {"store": "ok", **_services(deps, now)})
    parts = ("store", "lifecycle", "reconcile", "inventory", "ready")
    return Health(now, dict.fromkeys(parts, "down"))


def _services(deps: Deps, now: datetime) -> dict[str, str]:
    providers = deps.enabled_providers
    return {
        "lifecycle": _sweep(deps, ["lifecycle"], now),
        "reconcile": _sweep(deps, [f"reconcile#{one}" for one in providers], now),
        "inventory": _sweep(deps, [f"inventory#{one}" for one in providers], now),
        "ready": "ok" if not waiting_for(deps) else "down",
    }


def waiting_for(deps: Deps) -> list[str]:
    """What still keeps this release from being ready; empty when it is."""
    missing = [
        problem
        for provider in deps.enabled_providers
        if (problem := operations.credentials_problem(deps.operations, provider))
    ]
    swept = operations.last_sweep(deps.operations, "lifecycle")
    if swept is None or swept.release != deps.release:
        missing.append("first lifecycle sweep after the deploy")
    return missing


def _sweep(deps: Deps, names: list[str], now: datetime) -> str:
    runs = [operations.last_sweep(deps.operations, name) for name in names]
    if any(run is None for run in runs):
        return "down"
    late = any(run is not None and now - run.at > LATE_AFTER for run in runs)
    return "late" if late else "ok"
