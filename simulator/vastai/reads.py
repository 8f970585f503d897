"""One instance, and the lists of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import visibility
from simulator.instances import Instance
from simulator.vastai import errors, listing
from simulator.vastai.rows import instance_row
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi


class Reads:
    """GET instances/{id}, v1 and the retired v0 list."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        self.routes = [
            Route("GET", "/api/v1/instances/", "list", self._list),
            Route("GET", "/api/v0/instances/", "list", self._retired_list),
            Route("GET", "/api/v0/instances/{instance_id}/", "get", self._one),
        ]

    def _one(self, call: Call) -> Reply:
        instance = visibility.single(self._vast.world, call)
        if instance is None:
            return json_reply({"instances": None})
        row = self._row(instance)
        for rule in call.rules:
            row = listing.bent_row(row, rule)
        row.pop("volume_info")
        return json_reply({"instances": row})

    def _row(self, instance: Instance) -> dict[str, Any]:
        vast = self._vast
        ask = vast.ask_of(instance)
        return instance_row(instance, ask, vast.market_s, vast.clock.now_s())

    def _rows(self, call: Call) -> list[dict[str, Any]]:
        shown = visibility.listed(self._vast.world, "vastai", call.rules)
        return [self._bent(instance, call) for instance in shown]

    def _bent(self, instance: Instance, call: Call) -> dict[str, Any]:
        row = self._row(instance)
        for rule in call.rules:
            if visibility.named(rule, instance):
                row = listing.bent_row(row, rule)
        return row

    def _list(self, call: Call) -> Reply:
        page_size = int(self._vast.world.knobs.seconds("page_size"))
        try:
            answer, number = listing.page(self._rows(call), call.query, page_size)
        except listing.BadListing as exc:
            return errors.error(400, exc.name, exc.msg)
        if (rule := call.rule("list_page_fails")) and rule.params["page"] == number:
            return self._vast.refusal(rule.params["code"])
        for rule in call.rules:
            answer = listing.bent_answer(answer, rule)
        return json_reply(answer)

    def _retired_list(self, _call: Call) -> Reply:
        knob = str(self._vast.world.knobs.values["v0_list"])
        if knob == "empty_200":
            return json_reply({"instances": []})
        status = 200 if knob == "deprecated_200" else 410
        msg = "This endpoint is deprecated; use /api/v1/instances/"
        return errors.error(status, "deprecated_endpoint", msg)
