"""One instance, and the lists of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        instance = call.instance
        if instance is None or not self._single_shows(instance) or self._nulled(call):
            return json_reply({"instances": None})
        row = self._row(instance)
        for rule in call.rules:
            row = listing.bent_row(row, rule)
        row.pop("volume_info")
        return json_reply({"instances": row})

    def _nulled(self, call: Call) -> bool:
        rule = call.rule("single_null")
        if rule is None or rule.first_fired_s is None:
            return False
        lasts_s = rule.params["s"]
        return lasts_s is None or self._vast.clock.now_s() - rule.first_fired_s <= lasts_s

    def _single_shows(self, instance: Instance) -> bool:
        age_s = self._vast.clock.now_s() - instance.created_s
        visible = instance.alive and not instance.hidden and not instance.removed
        return visible and age_s >= self._vast.world.knobs.seconds("single_lag_s")

    def _list_shows(self, instance: Instance) -> bool:
        now_s, knobs = self._vast.clock.now_s(), self._vast.world.knobs
        if instance.provider != "vastai" or instance.hidden or instance.removed:
            return False
        if instance.ended_s is not None:
            return now_s - instance.ended_s < knobs.seconds("gone_linger_s")
        return now_s - instance.created_s >= knobs.seconds("list_lag_s")

    def _row(self, instance: Instance) -> dict[str, Any]:
        vast = self._vast
        ask = vast.ask_of(instance)
        return instance_row(instance, ask, vast.market_s, vast.clock.now_s())

    def _rows(self, call: Call) -> list[dict[str, Any]]:
        world = self._vast.world
        rows = [self._row(i) for i in world.fleet.everything() if self._list_shows(i)]
        for rule in call.rules:
            rows = listing.bent_rows(rows, rule, world.seed, world.clock.now_s())
        return rows

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
