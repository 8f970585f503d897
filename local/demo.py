"""Plays the main job visibly: find, rent, log in, extend, end, and prove that it ended."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console

from local import ssh
from local.api import Api
from local.endpoints import Endpoints

GPU = "RTX 4090"
_RUNNING_WITHIN_S = 90.0
_STOPPED_WITHIN_S = 120.0
_ASK_EVERY_S = 0.25


class DemoFailed(Exception):
    """A step did not end as the contract promises."""


class Demo:
    """One rental from the inventory to its proven end; each method is one visible step."""

    def __init__(self, endpoints: Endpoints, console: Console) -> None:
        self._api = Api(endpoints.api_url, endpoints.consumer_key)
        self._simulator = Api(endpoints.simulator_url)
        self._console = console
        self._began = time.monotonic()

    def play(self) -> None:
        """All of it. Raises DemoFailed, ApiRefused, or what SSH raises."""
        offer = self._cheapest()
        session, private_key = self._rent(offer)
        session = self._until_running(session)
        self._log_in(session, private_key)
        self._extend(session)
        session = self._end(session)
        self._prove(session)

    def _cheapest(self) -> dict[str, Any]:
        found = self._api.get("/api/v1/inventory", gpu_type=GPU, limit=5)
        if not found["offers"]:
            raise DemoFailed(f"no {GPU} is for rent")
        offer: dict[str, Any] = found["offers"][0]
        price = f"${offer['price_per_hour']:.4f}/h"
        self._say(
            f"cheapest of {found['total']} {GPU}: {offer['id']} at {price}, {offer['location']}"
        )
        return offer

    def _rent(self, offer: dict[str, Any]) -> tuple[dict[str, Any], str]:
        wish = {"offer_id": offer["id"], "workload_type": "ssh", "reservation_hours": 1}
        made = self._api.post("/api/v1/sessions", wish)
        session: dict[str, Any] = made["session"]
        self._say(f"session {session['id']} is created")
        return session, made["ssh_private_key"]

    def _until_running(self, session: dict[str, Any]) -> dict[str, Any]:
        running = self._follow(session["id"], "running", _RUNNING_WITHIN_S)
        where = f"{running['ssh_user']}@{running['ssh_host']}:{running['ssh_port']}"
        self._say(f"verified by SSH: {where}, host key {running['ssh_host_key_fingerprint']}")
        return running

    def _log_in(self, session: dict[str, Any], private_key: str) -> None:
        said = ssh.run(session, private_key, "nvidia-smi")
        self._say("logged in with the returned key, host key pinned; nvidia-smi says")
        self._console.print(
            said.rstrip(), style="dim", highlight=False, markup=False, soft_wrap=True
        )

    def _extend(self, session: dict[str, Any]) -> None:
        answer = self._api.post(f"/api/v1/sessions/{session['id']}/extend", {"additional_hours": 1})
        self._say(f"extended by 1 h, now until {answer['new_expires_at']}")

    def _end(self, session: dict[str, Any]) -> dict[str, Any]:
        self._api.post(f"/api/v1/sessions/{session['id']}/done")
        self._say("done: the machine is being destroyed, and its absence proven")
        return self._follow(session["id"], "stopped", _STOPPED_WITHIN_S)

    def _prove(self, session: dict[str, Any]) -> None:
        """Ask the simulator, which knows every machine there ever was, also the hidden ones."""
        every = self._simulator.get("/_test/instances")["instances"]
        rented = [each for each in every if session["id"] in each["label"]]
        alive = [each["id"] for each in rented if each["alive"]]
        if alive or not rented:
            raise DemoFailed(f"of {len(rented)} machines of this session, alive: {alive}")
        self._say(
            f"the provider confirms: machine {rented[-1]['id']} gone at {rented[-1]['ended']}"
        )
        bill = sum(each["billed_usd"] for each in rented)
        self._say(
            f"cost_usd is ${session['cost_usd']:.6f}, whole seconds until the proof; "
            f"the provider's own bill ${bill:.6f}"
        )

    def _follow(self, session_id: str, wanted: str, within_s: float) -> dict[str, Any]:
        """Ask until the session has the wanted status; say each change on the way."""
        until, last = time.monotonic() + within_s, ""
        with self._console.status("waiting …") as waiting:
            while time.monotonic() < until:
                session: dict[str, Any] = self._api.get(f"/api/v1/sessions/{session_id}")
                last = self._say_change(session["status"], last)
                _refuse_other_end(session, wanted)
                if session["status"] == wanted:
                    return session
                waiting.update(f"{session['status']} … {self._elapsed()}")
                time.sleep(_ASK_EVERY_S)
        raise DemoFailed(f"session {session_id} is {last}, not {wanted}, after {within_s:.0f} s")

    def _say_change(self, status: str, last: str) -> str:
        if status != last:
            self._say(f"session is [bold]{status}[/bold]")
        return status

    def _say(self, what: str) -> None:
        self._console.print(
            f"[cyan]{self._elapsed():>7}[/cyan]  {what}", highlight=False, soft_wrap=True
        )

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"


def _refuse_other_end(session: dict[str, Any], wanted: str) -> None:
    if session["status"] in {"stopped", "failed"} - {wanted}:
        why = f"{session.get('end_reason')}: {session.get('error', '')}"
        raise DemoFailed(f"session {session['id']} ended as {session['status']} ({why})")


def play(endpoints: Endpoints, console: Console) -> float:
    """Play the demo; returns how many seconds it took."""
    began = time.monotonic()
    Demo(endpoints, console).play()
    return time.monotonic() - began
