"""Every minute: sessions whose time has come, and executions that have died."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.wiring import deps
from gpu_shopper.usecases.expire import expire_sessions


@logged
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One sweep."""
    return asdict(expire_sessions(deps()))
