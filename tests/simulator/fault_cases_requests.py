"""Cases of actions on answers, creates and listings."""

from __future__ import annotations

import time

import pytest
import requests

from tests.simulator.driver import KeyPair, Sim
from tests.simulator.fault_cases import LIST, SHORT_S, Post, case, fails, listed, shown


@case("latency")
def _latency(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="list", params={"ms": 150})
    began = time.monotonic()
    sim.list()
    return time.monotonic() - began >= 0.15


@case("hang none")
def _hang(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create", params={"effect": "none"})
    silent = fails(lambda: sim.create(timeout=SHORT_S), requests.Timeout)
    return silent and sim.control("GET", "instances")["alive"] == 0


@case("hang before")
def _hang_before(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create", params={"effect": "before"})
    silent = fails(lambda: sim.create(timeout=SHORT_S), requests.Timeout)
    return silent and sim.control("GET", "instances")["alive"] == 1


@case("hang after")
def _hang_after(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create", params={"effect": "after", "s": 0.1})
    began = time.monotonic()
    sim.create()
    late = time.monotonic() - began >= 0.1
    return late and sim.control("GET", "instances")["alive"] == 1


@case("status")
def _status(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="list", params={"code": 418, "body": {"tea": 1}, "headers": {"X-Pot": "y"}})
    answer = sim.ask("GET", LIST)
    return answer.status_code == 418 and answer.json() == {"tea": 1} and "X-Pot" in answer.headers


@case("ok_with_error")
def _ok_with_error(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create", params={"text": "something"})
    answer = sim.create()
    none = sim.control("GET", "instances")["alive"] == 0
    return answer.status_code == 200 and answer.json()["success"] is False and none


@case("lost_response")
def _lost_response(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create")
    lost = fails(sim.create, requests.ConnectionError)
    return lost and sim.control("GET", "instances")["alive"] == 1


@case("error_but_done")
def _error_but_done(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create", params={"code": 500, "with_contract": True})
    answer = sim.create()
    alive = sim.control("GET", "instances")["alive"]
    contract = answer.json().get("new_contract")
    return (answer.status_code, contract, alive) == (500, 1000, 1)


@case("error_but_done destroy")
def _error_but_destroyed(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post(operation="destroy")
    refused = sim.destroy(instance_id).status_code == 500
    sim.advance(1)
    return refused and not sim.truth(instance_id)["alive"]


@case("garbage")
def _garbage(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="list", params={"kind": "html"})
    return sim.ask("GET", LIST).text.startswith("<html>")


@case("refuse")
def _refuse(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(provider="vastai")
    return fails(sim.list, requests.ConnectionError)


@case("reset")
def _reset(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="create")
    cut = fails(sim.create, requests.ConnectionError)
    return cut and sim.control("GET", "instances")["alive"] == 0


@case("slow_body")
def _slow_body(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(operation="list", params={"bytes_per_s": 400})
    began = time.monotonic()
    answer = sim.ask("GET", LIST, stream=True)
    headers_s = time.monotonic() - began
    complete = answer.json()["success"]
    return complete and time.monotonic() - began > headers_s + 0.1


@case("outage")
def _outage(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"mode": "5xx", "for_s": 3600})
    return all(sim.ask("GET", path).status_code == 503 for path in (LIST, "/api/v0/users/current/"))


@case("no_such_ask")
def _no_such_ask(sim: Sim, _key: KeyPair, post: Post) -> bool:
    ask_id = sim.free_4090()
    post(params={"code": 410})
    answer = sim.create(ask_id)
    return answer.status_code == 410 and "no_such_ask" in answer.text and sim.free_4090() == ask_id


@case("no_such_ask remove")
def _no_such_ask_remove(sim: Sim, _key: KeyPair, post: Post) -> bool:
    ask_id = sim.free_4090()
    post(params={"remove": True}, when={"count": 1})
    answer = sim.create(ask_id)
    gone = not sim.search(ask_contract_id={"eq": ask_id})
    return answer.status_code == 400 and "no_such_ask" in answer.text and gone


@case("no_capacity")
def _no_capacity(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"text": "sold out", "in": 409})
    answer = sim.create()
    return answer.status_code == 409 and "sold out" in answer.text


@case("double_create")
def _double_create(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post()
    sim.create()
    return bool(sim.control("GET", "instances")["alive"] == 2)


@case("price_change")
def _price_change(sim: Sim, _key: KeyPair, post: Post) -> bool:
    offer = sim.search(ask_contract_id={"eq": sim.free_4090()}, allocated_storage=50)[0]
    post(params={"factor": 2, "what": "offer"})
    instance_id = sim.rent(ask_id=offer["id"])
    return bool(sim.truth(instance_id)["price_per_hour"] > offer["dph_total"] * 1.5)


@case("price_change instance")
def _price_change_instance(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    before = sim.truth(instance_id)["price_per_hour"]
    post(params={"factor": 2, "what": "instance"}, match={"instance_id": str(instance_id)})
    return bool(sim.truth(instance_id)["price_per_hour"] == pytest.approx(2 * before, abs=1e-5))


@case("list_empty")
def _list_empty(sim: Sim, _key: KeyPair, post: Post) -> bool:
    sim.rent()
    post()
    return listed(sim) == [] and sim.list()["total_instances"] == 0


@case("list_partial")
def _list_partial(sim: Sim, _key: KeyPair, post: Post) -> bool:
    kept, dropped = sim.rent(), sim.rent()
    post(params={"drop_ids": [dropped]})
    return listed(sim) == [kept]


@case("list_page_fails")
def _list_page_fails(sim: Sim, _key: KeyPair, post: Post) -> bool:
    for _ in range(3):
        sim.control("POST", "orphan", {"label": "x"})
    post(params={"page": 2, "code": 502})
    token = sim.list(limit=2)["next_token"]
    return sim.ask("GET", LIST, params={"limit": 2, "after_token": token}).status_code == 502


@case("list_lag")
def _list_lag(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"s": 30})
    sim.rent()
    missing = listed(sim) == []
    sim.advance(30)
    return missing and len(listed(sim)) == 1


@case("list_duplicates")
def _list_duplicates(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post()
    return listed(sim) == [instance_id, instance_id]


@case("list_bad_total")
def _list_bad_total(sim: Sim, _key: KeyPair, post: Post) -> bool:
    sim.rent()
    post(params={"total": None})
    return sim.list()["total_instances"] is None


@case("list_loop")
def _list_loop(sim: Sim, _key: KeyPair, post: Post) -> bool:
    sim.rent()
    post()
    page = sim.list()
    if page["next_token"] is None:
        return False
    return sim.list(after_token=page["next_token"]) == page


@case("single_null")
def _single_null(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post(params={"s": 5})
    null = sim.get(instance_id) is None
    sim.advance(6)
    return null and sim.get(instance_id) is not None


@case("status_word")
def _status_word(sim: Sim, _key: KeyPair, post: Post) -> bool:
    named, other = sim.rent(label="named"), sim.rent(label="other")
    post(params={"word": "frobnicating"}, match={"label": "named"})
    single, untouched = sim.get(named), sim.get(other)
    words = [row["actual_status"] for row in sim.list()["instances"]]
    assert single
    assert untouched
    assert untouched["actual_status"] == "running"
    return single["actual_status"] == "frobnicating" and words == ["frobnicating", "running"]


@case("no_port_forwards")
def _no_port_forwards(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post()
    return bool(shown(sim)["ports"] == {})


@case("ip_missing")
def _ip_missing(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post()
    return shown(sim)["public_ipaddr"] is None


@case("port_changes")
def _port_changes(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post()
    row = shown(sim)
    return bool(row["ssh_port"] != sim.truth(row["id"])["ssh_port"])
