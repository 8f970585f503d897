"""Named sets of fault rules and churn, from a calm day to the worst."""

from __future__ import annotations

from typing import Any

from simulator.faults.rules import Rule
from simulator.world import World

_STALE_ASKS = {
    "operation": "create",
    "when": {"probability": 0.08},
    "action": {"type": "no_such_ask", "remove": True},
}
_LOST = {"operation": "create", "when": {"probability": 0.05}, "action": "lost_response"}
_DONE_ANYWAY = {
    "operation": "create",
    "when": {"probability": 0.05},
    "action": {"type": "error_but_done", "code": 500},
}
_FLAKY_READS = {
    "method": "GET",
    "when": {"probability": 0.1},
    "action": {"type": "status", "code": 502},
}
_HALF_LISTS = {"when": {"probability": 0.05}, "action": {"type": "list_partial"}}
_DEAF_DESTROYS = {"when": {"probability": 0.1}, "action": "destroy_ignored"}
_DYING = {
    "when": {"probability": 0.05},
    "action": {"type": "die", "after_s": 60, "word": "exited"},
}
_OUTAGE = {"action": {"type": "outage", "mode": "5xx", "for_s": 3600}}
_CHURN = {
    "rented_per_min": 0.015,
    "vanish_per_h": 0.02,
    "appear_per_h": 0.02,
    "price_edits_per_h": 0.01,
}

_STALE_LOCATIONS = 0.4

SCENARIOS: dict[str, list[dict[str, Any]]] = {
    "calm": [],
    "market": [_STALE_ASKS],
    "flaky": [_STALE_ASKS, _LOST, _DONE_ANYWAY, _FLAKY_READS],
    "outage_hour": [_OUTAGE],
    "worst_day": [
        _STALE_ASKS,
        _LOST,
        _DONE_ANYWAY,
        _HALF_LISTS,
        _DEAF_DESTROYS,
        _DYING,
        _FLAKY_READS,
    ],
}


def install(world: World, name: str) -> list[Rule]:
    """Post the rules of a scenario and set its churn; the answer is the rules."""
    if name in ("market", "worst_day"):
        world.configure({"churn": _CHURN, "stale_locations": _STALE_LOCATIONS})
    return [world.rules.add({"provider": "vastai", **rule}) for rule in SCENARIOS[name]]
