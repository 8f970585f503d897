"""SSH keys on instances and on the account."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import asyncssh

from simulator.clock import rfc3339
from simulator.instances import Instance
from simulator.vastai import errors
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi

USER_ID = 4242


class Keys:
    """Account keys are installed on instances created after them."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        self.clear()
        instance = "/api/v0/instances/{instance_id}/ssh/"
        self.routes = [
            Route("POST", instance, "attach_key", self._attach),
            Route("GET", instance, "keys", self._attached),
            Route("DELETE", instance + "{key_id}/", "detach_key", self._detach),
            Route("GET", "/api/v0/ssh/", "account_keys", self._account_keys),
            Route("POST", "/api/v0/ssh/", "add_account_key", self._add_account_key),
            Route("PUT", "/api/v0/ssh/{key_id}/", "account_keys", self._change_account_key),
            Route("DELETE", "/api/v0/ssh/{key_id}/", "account_keys", self._drop_account_key),
        ]

    def clear(self) -> None:
        """No account keys."""
        self._account: dict[int, dict[str, Any]] = {}
        self._ids = itertools.count(7000)

    def install_account_keys(self, instance: Instance) -> None:
        """Put the account's keys on a new machine, with the usual delay."""
        delay_s = self._vast.world.knobs.boot("vastai").key_delay_s
        for key in self._account.values():
            self._vast.world.fleet.add_key(instance, key["public_key"], delay_s)

    def _attach(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        if rule := call.rule("attach_fails"):
            return self._vast.refusal(rule.params["code"])
        line = _key_line(call)
        if line is None:
            return errors.error(400, "invalid_args", "Invalid ssh_key")
        if line not in [key.line for key in instance.keys]:
            self._vast.world.fleet.add_key(instance, line, self._delay_s(call))
        return json_reply({"success": True, "msg": "SSH key added to instance."})

    def _delay_s(self, call: Call) -> float | None:
        if rule := call.rule("key_not_installed"):
            delay: float | None = rule.params["s"]
            return delay
        return self._vast.world.knobs.boot("vastai").key_delay_s

    def _attached(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        keys = [
            {
                "id": key.id,
                "user_id": USER_ID,
                "public_key": key.line,
                "created_at": rfc3339(key.created_s),
            }
            for key in instance.keys
        ]
        return json_reply({"success": True, "ssh_keys": json.dumps(keys)})

    def _detach(self, call: Call) -> Reply:
        instance = _live(call)
        if instance is None:
            return errors.no_such_instance(call.args["instance_id"])
        kept = [key for key in instance.keys if str(key.id) != call.args["key_id"]]
        if len(kept) == len(instance.keys):
            return errors.error(404, "no_ssh_key", "SSH key not found on the instance.")
        instance.keys = kept
        return json_reply({"success": True, "msg": "SSH key removed from instance."})

    def _account_keys(self, _call: Call) -> Reply:
        if not self._account:
            return errors.error(404, "not_found", "No SSH keys found for the user.")
        return json_reply(list(self._account.values()))

    def _add_account_key(self, call: Call) -> Reply:
        line = _key_line(call)
        if line is None:
            return errors.error(400, "invalid_args", "Invalid ssh_key")
        number = next(self._ids)
        key = {
            "id": number,
            "user_id": USER_ID,
            "public_key": line,
            "created_at": rfc3339(self._vast.clock.now_s()),
            "deleted_at": None,
        }
        self._account[number] = key
        return json_reply({"success": True, "key": key})

    def _change_account_key(self, call: Call) -> Reply:
        key, line = self._account.get(_number(call.args["key_id"])), _key_line(call)
        if key is None or line is None:
            return errors.error(400, "no_ssh_key", "No such SSH key.")
        key["public_key"] = line
        return json_reply({"success": True, "key": key})

    def _drop_account_key(self, call: Call) -> Reply:
        if self._account.pop(_number(call.args["key_id"]), None) is None:
            return errors.error(400, "no_ssh_key", "No such SSH key.")
        return json_reply({"success": True})


def _live(call: Call) -> Instance | None:
    instance = call.instance
    return instance if instance and instance.alive and not instance.removed else None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _key_line(call: Call) -> str | None:
    """The posted public key in one line, None when it is not one."""
    try:
        body = call.body()
        line = body["ssh_key"].strip()
        asyncssh.import_public_key(line)
    except (ValueError, TypeError, KeyError, AttributeError, asyncssh.KeyImportError):
        return None
    return str(line)
