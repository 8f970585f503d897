"""How each fault action is seen by a client of TensorDock, where it differs from Vast.ai's."""

from __future__ import annotations

from collections.abc import Callable

import requests

from tests.simulator.dock import API, CARD, Dock, no_capacity
from tests.simulator.fault_cases import SHORT_S, fails

Post = Callable[..., None]
Case = Callable[[Dock, Post], bool]
DOCK_CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Register how an action (with a variant after a blank) is seen."""

    def register(function: Case) -> Case:
        DOCK_CASES[name] = function
        return function

    return register


def ids(dock: Dock) -> list[str]:
    """Ids in the list."""
    return [row["id"] for row in dock.list()]


def orphan(dock: Dock, label: str = "gs-1") -> str:
    """A running machine, without its create."""
    made = dock.sim.control("POST", "orphan", {"provider": "tensordock", "label": label})
    return str(made["instance_id"])


@case("hang")
def _hang(dock: Dock, post: Post) -> bool:
    sent = dock.attributes()
    post(operation="create", params={"effect": "before"})
    silent = fails(lambda: dock.send(sent, SHORT_S), requests.Timeout)
    return silent and dock.alive() == 1


@case("ok_with_error")
def _ok_with_error(dock: Dock, post: Post) -> bool:
    post(operation="list", params={"status_in_body": 500, "text": "boom"})
    answer = dock.ask("GET", "/instances")
    return answer.status_code == 200 and answer.json() == {"status": 500, "error": "boom"}


@case("lost_response")
def _lost_response(dock: Dock, post: Post) -> bool:
    post(operation="create")
    return fails(dock.create, requests.ConnectionError) and dock.alive() == 1


@case("error_but_done")
def _error_but_done(dock: Dock, post: Post) -> bool:
    post(operation="create", params={"code": 502, "with_contract": True})
    answer = dock.create()
    return answer.status_code == 502 and answer.json()["data"]["id"] == "1000"


@case("error_but_done destroy")
def _error_but_destroyed(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(operation="destroy")
    refused = dock.delete(instance_id).json() == {"error": "Internal server error"}
    dock.sim.advance(1)
    return refused and dock.gone(instance_id)


@case("refuse")
def _refuse(dock: Dock, post: Post) -> bool:
    post(provider="tensordock")
    vastai = dock.sim.list()["success"]
    return vastai and fails(dock.list, requests.ConnectionError)


@case("outage")
def _outage(dock: Dock, post: Post) -> bool:
    post(provider="tensordock", params={"mode": "5xx", "for_s": 60})
    down = dock.ask("GET", "/locations").status_code == 503
    dock.sim.advance(61)
    return down and dock.ask("GET", "/locations").status_code == 200


@case("garbage")
def _garbage(dock: Dock, post: Post) -> bool:
    post(operation="locations", params={"kind": "wrong_types"})
    return not isinstance(dock.gpus(None)[0]["max_count"], int)


@case("no_such_ask")
def _no_such_ask(dock: Dock, post: Post) -> bool:
    post(params={"remove": True})
    answer = dock.create()
    refused = no_capacity(answer, "Hostnode unavailable")
    place = dock.sim.control("GET", "requests?method=POST")["requests"][0]["body"]
    wanted = place["data"]["attributes"]["location_id"]
    return refused and wanted not in [gpu["at"] for gpu in dock.gpus()]


@case("no_capacity")
def _no_capacity(dock: Dock, post: Post) -> bool:
    post()
    return no_capacity(dock.create())


@case("no_capacity status")
def _no_capacity_status(dock: Dock, post: Post) -> bool:
    post(params={"text": "Sold out", "in": 409})
    answer = dock.create()
    return answer.status_code == 409 and answer.json()["error"] == "Sold out"


@case("double_create")
def _double_create(dock: Dock, post: Post) -> bool:
    post()
    dock.create()
    return dock.alive() == 2


@case("price_change")
def _price_change(dock: Dock, post: Post) -> bool:
    place = dock.attributes()["location_id"]
    before = {gpu["at"]: gpu["price_per_hr"] for gpu in dock.gpus()}[place]
    post(params={"factor": 2, "what": "offer"}, match={"offer_id": f"{place}-{CARD}"})
    return bool(dock.get(dock.rent(location_id=place))["rateHourly"] > 2 * before)


@case("price_change instance")
def _price_change_instance(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    before = dock.get(instance_id)["rateHourly"]
    post(params={"factor": 2, "what": "instance"}, match={"label": "gs-*"})
    return bool(dock.get(instance_id)["rateHourly"] > 1.9 * before)


@case("list_empty")
def _list_empty(dock: Dock, post: Post) -> bool:
    orphan(dock)
    post()
    return ids(dock) == []


@case("list_partial")
def _list_partial(dock: Dock, post: Post) -> bool:
    kept, dropped = orphan(dock), orphan(dock)
    post(params={"drop_ids": [dropped]})
    return ids(dock) == [kept]


@case("list_page_fails")
def _list_page_fails(dock: Dock, post: Post) -> bool:
    post(params={"page": 1, "code": 500})
    return dock.ask("GET", "/instances").status_code == 500


@case("list_lag")
def _list_lag(dock: Dock, post: Post) -> bool:
    post(params={"s": 30})
    orphan(dock)
    missing = ids(dock) == []
    dock.sim.advance(30)
    return missing and len(ids(dock)) == 1


@case("list_duplicates")
def _list_duplicates(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post()
    return ids(dock) == [instance_id, instance_id]


@case("single_null")
def _single_null(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(params={"s": 5})
    gone = dock.gone(instance_id)
    dock.sim.advance(6)
    return gone and not dock.gone(instance_id)


@case("status_word")
def _status_word(dock: Dock, post: Post) -> bool:
    named, other = orphan(dock, "named"), orphan(dock, "other")
    post(params={"word": "Frobnicating"}, match={"label": "named"})
    words = [row["status"].lower() for row in dock.list()]
    single = dock.get(named)["status"] == "Frobnicating"
    return single and words == ["frobnicating", "running"] and bool(dock.get(other))


@case("no_port_forwards")
def _no_port_forwards(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post()
    shown = [dock.get(instance_id), *dock.list()]
    return all(row["portForwards"] == [] for row in shown)


@case("ip_missing")
def _ip_missing(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post()
    return dock.get(instance_id)["ipAddress"] is None


@case("port_changes")
def _port_changes(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post()
    (forward,) = dock.get(instance_id)["portForwards"]
    return bool(forward["external_port"] != dock.truth(instance_id)["ssh_port"])


@case("status")
def _status(dock: Dock, post: Post) -> bool:
    post(path="/api/v2/instances", params={"code": 401})
    answer = dock.sim.ask("GET", f"{API}/instances")
    return answer.status_code == 401 and answer.json() == {"error": "Unauthorized"}
