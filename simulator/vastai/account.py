"""The account: user, credit, charges from the simulator's own ledger, templates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulator.instances import MICRO, Instance
from simulator.vastai import errors
from simulator.vastai.keys import USER_ID
from simulator.vastai.templates import TEMPLATES
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi

_DEFAULT_CHARGES = 100
_MOST_CHARGES = 500


class Account:
    """users/current, charges and template lists."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        self.routes = [
            Route("GET", "/api/v0/users/current/", "account", self._user),
            Route("GET", "/api/v0/charges/", "charges", self._charges),
            Route("GET", "/api/v0/template/", "templates", self._templates),
        ]

    def _mine(self) -> list[Instance]:
        return [i for i in self._vast.world.fleet.everything() if i.provider == "vastai"]

    def credit_usd(self) -> float:
        """What is left to spend: the knob less what the account's machines have cost."""
        now_s = self._vast.clock.now_s()
        spent = sum(instance.billed_micro(now_s) for instance in self._mine()) / MICRO
        return self._vast.world.knobs.seconds("balance_usd") - spent

    def _user(self, _call: Call) -> Reply:
        return json_reply(
            {
                "id": USER_ID,
                "email": "simulator@example.com",
                "username": "simulator",
                "fullname": "Simulated User",
                "credit": round(self.credit_usd(), 6),
                "balance": 0.0,
                "balance_threshold": 0.0,
                "balance_threshold_enabled": False,
                "has_billing": True,
                "ssh_key": None,
                "api_key": None,
            }
        )

    def _charges(self, call: Call) -> Reply:
        try:
            filters = json.loads(call.query.get("select_filters") or "{}")
            start = int(call.query.get("after_token") or 0)
            limit = min(int(call.query.get("limit") or _DEFAULT_CHARGES), _MOST_CHARGES)
        except ValueError:
            return errors.error(400, "invalid_request", "Invalid query parameters")
        day = filters.get("day") if isinstance(filters, dict) else None
        if not isinstance(day, dict) or not all(isinstance(v, int | float) for v in day.values()):
            return errors.error(400, "invalid_request", "select_filters.day is required")
        results = [self._charge(i) for i in self._mine() if self._within(i, day)]
        results = [row for row in results if _of_type(row, filters.get("type"))]
        if call.query.get("latest_first", "").lower() == "true":
            results.reverse()
        part = results[start : start + limit]
        more = start + limit < len(results)
        return json_reply(
            {
                "success": True,
                "count": len(part),
                "total": len(results),
                "next_token": str(start + limit) if more else None,
                "results": part,
            }
        )

    def _within(self, instance: Instance, day: dict[str, Any]) -> bool:
        end_s = instance.ended_s or self._vast.clock.now_s()
        first, last = day.get("gte", day.get("gt", 0)), day.get("lte", day.get("lt", 1e12))
        return bool(end_s >= first and instance.created_s <= last)

    def _charge(self, instance: Instance) -> dict[str, Any]:
        now_s = self._vast.clock.now_s()
        amount = round(instance.billed_micro(now_s) / MICRO, 2)
        hours = instance.seconds(now_s) / 3600
        price = instance.price_micro / MICRO
        return {
            "start": instance.created_s,
            "end": instance.ended_s or now_s,
            "type": "instance",
            "source": f"instance-{instance.id}",
            "description": f"Instance {instance.id}",
            "amount": amount,
            "metadata": {"label": instance.label, "template_id": None},
            "items": [
                {
                    "type": "gpu",
                    "description": f"{hours:.3f} hours at ${price:.3f}/hour",
                    "amount": amount,
                }
            ],
        }

    def _templates(self, call: Call) -> Reply:
        try:
            filters = json.loads(call.query.get("select_filters") or "{}")
        except ValueError:
            return errors.error(400, "invalid_request", "select_filters: invalid JSON")
        found = [row for row in TEMPLATES if _fits(row, filters)]
        return json_reply({"success": True, "templates_found": len(found), "templates": found})


def _of_type(row: dict[str, Any], wanted: Any) -> bool:
    types = wanted.get("in") if isinstance(wanted, dict) else None
    return not isinstance(types, list) or row["type"] in types


def _fits(row: dict[str, Any], filters: Any) -> bool:
    """Only equality; hash_id cannot be filtered by at the provider, so it is ignored."""
    if not isinstance(filters, dict):
        return True
    return all(
        row.get(name) == condition["eq"]
        for name, condition in filters.items()
        if name != "hash_id" and isinstance(condition, dict) and "eq" in condition
    )
