"""Create, change and destroy: the calls that begin and end costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.faults.machines import fate_of, strike
from simulator.instances import Instance
from simulator.vastai import errors, rental
from simulator.vastai.boot import befall, boot_plan
from simulator.vastai.machines import Ask
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi

_LONGEST_NEW_LABEL = 1024
_CHANGES = {"label", "state", "client_id"}


class Renting:
    """PUT asks/{id}, PUT and DELETE instances/{id}."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        instance = "/api/v0/instances/{instance_id}/"
        self.routes = [
            Route("PUT", "/api/v0/asks/{ask_id}/", "create", self._create),
            Route("PUT", instance, "change", self._change),
            Route("DELETE", instance, "destroy", self._destroy),
            Route("DELETE", "/api/v0/instances/", "destroy", self._destroy_many),
            Route("PUT", "/api/v0/instances/", "change_many", self._change_many),
            Route("PUT", "/api/v0/instances/reboot/{instance_id}/", "change", self._reboot),
            Route("PUT", "/api/v0/instances/recycle/{instance_id}/", "change", self._reboot),
        ]

    def _create(self, call: Call) -> Reply:
        world = self._vast.world
        try:
            body = rental.checked(_json(call), strict=world.knobs.flag("strict_body"))
        except rental.BadRental as exc:
            return errors.error(400, exc.name, exc.msg)
        if stale := self._refused_by_rule(call):
            return stale
        if self._vast.account.credit_usd() <= 0:
            return errors.error(400, "insufficient_credit", "Your account lacks credit")
        ask = self._rentable(call.args["ask_id"])
        if ask is None:
            return errors.no_such_ask(call.args["ask_id"])
        return self._rent(call, ask, body)

    def _refused_by_rule(self, call: Call) -> Reply | None:
        ask_id = call.args["ask_id"]
        if rule := call.rule("no_such_ask"):
            ask = self._rentable(ask_id)
            if ask and rule.params["remove"]:
                ask.listed = False
            return errors.no_such_ask(ask_id, rule.params["code"])
        if rule := call.rule("no_capacity"):
            return self._vast.no_capacity(rule.params["in"], rule.params["text"])
        return None

    def _rentable(self, text: str) -> Ask | None:
        ask = self._vast.book.get(int(text)) if text.isdecimal() else None
        return ask if ask is not None and ask.rentable else None

    def _rent(self, call: Call, ask: Ask, body: dict[str, Any]) -> Reply:
        if (rule := call.rule("price_change")) and rule.params["what"] == "offer":
            self._vast.reprice_offer(str(ask.id), rule.params["factor"])
        low_bid = body.get("price") is not None and body["price"] < ask.min_bid
        instance = self._begin(call, ask, body)
        if call.rule("double_create"):
            self._begin(call, ask, body)
        if low_bid:
            return self._outbid(instance)
        return json_reply(
            {
                "success": True,
                "new_contract": instance.id,
                "instance_api_key": f"{instance.id:064x}",
            }
        )

    def _begin(self, call: Call, ask: Ask, body: dict[str, Any]) -> Instance:
        world = self._vast.world
        birth = rental.birth(ask, body, boot_plan(world))
        instance = self._vast.rent(ask, birth, fate_of(call.rules))
        self._vast.keys.install_account_keys(instance)
        strike(world, instance, call.rules)
        befall(world, instance)
        return instance

    def _outbid(self, instance: Instance) -> Reply:
        """A bid below the minimum still makes an instance, which stays stopped."""
        self._vast.world.fleet.die(instance, "stopped")
        return json_reply(
            {
                "success": False,
                "error": "low_bid",
                "msg": "The bid is below the minimum; the instance is created stopped.",
                "new_contract": instance.id,
            }
        )

    def _change(self, call: Call) -> Reply:
        instance = self._live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        body = _json(call)
        if not isinstance(body, dict) or not {"label", "state"} & set(body):
            return errors.error(400, "invalid_args", "label or state is required")
        if self._vast.world.knobs.flag("strict_body") and set(body) - _CHANGES:
            return errors.error(400, "invalid_args", "unknown arguments")
        return self._relabel(instance, body) if "label" in body else self._state(instance, body)

    def _relabel(self, instance: Instance, body: dict[str, Any]) -> Reply:
        label = body["label"]
        if not isinstance(label, str | None):
            return errors.error(400, "invalid_args", "label must be a text")
        if len(label or "") > _LONGEST_NEW_LABEL:
            return errors.error(400, "label_too_long", "label is too long")
        instance.label = label
        return json_reply({"success": True})

    def _state(self, instance: Instance, body: dict[str, Any]) -> Reply:
        if body["state"] not in ("running", "stopped"):
            return errors.error(400, "invalid_args", "state must be running or stopped")
        instance.wanted = body["state"]
        status = "running" if body["state"] == "running" else "exited"
        fleet, delay_s = self._vast.world.fleet, self._vast.world.knobs.seconds("destroy_s")
        fleet.later(instance, delay_s, lambda: fleet.show_status(instance, status))
        return json_reply({"success": True})

    def _change_many(self, call: Call) -> Reply:
        """Start or stop several; those that are not there are passed over."""
        body = _json(call)
        ids = body.get("ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or body.get("state") not in ("running", "stopped"):
            return errors.error(400, "invalid_args", "ids and state are required")
        for ident in ids:
            instance = self._vast.world.fleet.get(str(ident), "vastai")
            if instance is not None and instance.alive:
                self._state(instance, body)
        return json_reply({"success": True})

    def _reboot(self, call: Call) -> Reply:
        instance = self._live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        fleet = self._vast.world.fleet
        fleet.show_status(instance, "rebooting")
        delay_s = self._vast.world.knobs.boot("vastai").loading_s
        fleet.later(instance, delay_s, lambda: self._come_back(instance))
        return json_reply({"success": True})

    def _come_back(self, instance: Instance) -> None:
        if instance.wanted == "running":
            self._vast.world.fleet.show_status(instance, "running")

    def _destroy(self, call: Call) -> Reply:
        instance = self._live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        if rule := call.rule("destroy_refused"):
            return self._vast.refusal(rule.params["code"])
        self._end(instance, call)
        return json_reply({"success": True})

    def _destroy_many(self, call: Call) -> Reply:
        body = _json(call)
        ids = body.get("instance_ids") if isinstance(body, dict) else None
        if not isinstance(ids, list):
            return errors.error(400, "invalid_args", "instance_ids is required")
        for ident in ids:
            instance = self._vast.world.fleet.get(str(ident), "vastai")
            if instance is not None and instance.alive:
                self._end(instance, call)
        return json_reply({"success": True})

    def _end(self, instance: Instance, call: Call) -> None:
        if call.rule("destroy_ignored"):
            return
        delay_s = self._vast.world.knobs.seconds("destroy_s")
        if rule := call.rule("destroy_slow"):
            delay_s = rule.params["s"]
        self._vast.world.fleet.destroy(instance, "api", delay_s)

    def _live(self, call: Call) -> Instance | None:
        instance = call.instance
        return instance if instance and instance.alive and not instance.removed else None


def _json(call: Call) -> Any:
    """The body, or None when it is not JSON: the checks after it refuse None."""
    try:
        return call.body()
    except ValueError:
        return None
