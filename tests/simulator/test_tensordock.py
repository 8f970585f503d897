"""TensorDock: the life of a machine, and what is wrong with a create."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import requests

from tests.simulator.dock import CARD, Dock, no_capacity, resources
from tests.simulator.driver import TIMEOUT_S, KeyPair


def test_a_created_machine_is_answered_with_201_and_has_no_address_at_first(dock: Dock) -> None:
    answer = dock.create()
    made = answer.json()["data"]
    assert answer.status_code == 201
    assert made == {"type": "virtualmachine", "id": "1000", "name": "gs-1", "status": "creating"}
    seen = []
    for step_s in (0.0, 0.11, 0.1):
        dock.sim.advance(step_s)
        row = dock.get("1000")
        seen.append((row["status"].lower(), row["ipAddress"]))
    assert seen == [("creating", None), ("creating", "127.0.0.1"), ("running", "127.0.0.1")]


def test_a_single_machine_is_not_wrapped(dock: Dock) -> None:
    row = dock.get(dock.rent())
    assert (row["id"], row["type"], row["name"]) == ("1000", "virtualmachine", "gs-1")
    assert row["portForwards"] == [
        {"internal_port": 22, "external_port": dock.truth("1000")["ssh_port"]}
    ]
    assert row["resources"]["gpus"] == {CARD: {"count": 1, "v0Name": CARD}}


def test_status_words_come_in_mixed_case(dock: Dock) -> None:
    words = set()
    for _ in range(20):
        made = dock.sim.control("POST", "orphan", {"provider": "tensordock", "label": "o"})
        words.add(dock.get(made["instance_id"])["status"])
    assert words == {"running", "Running", "RUNNING"}


@pytest.mark.parametrize("shape", [1, 2, 3])
def test_the_list_comes_in_three_shapes(dock: Dock, shape: int) -> None:
    instance_id = dock.rent()
    dock.sim.control("POST", "config", {"list_shape": shape})
    data: Any = dock.ask("GET", "/instances").json()["data"]
    row = dock.get(instance_id)
    inner = {name: value for name, value in row.items() if name not in ("id", "type")}
    wrapped = {"id": row["id"], "type": row["type"], "attributes": inner}
    expected: dict[int, Any] = {
        1: [row],
        2: {"instances": [row]},
        3: {"type": "list", "attributes": {"instances": [wrapped]}},
    }
    assert data == expected[shape]


def test_the_price_is_gpus_plus_vcpus_plus_ram_plus_storage(dock: Dock) -> None:
    gpu = max(dock.gpus(), key=lambda row: (row["max_count"], row["resources"]["max_vcpus"]))
    count = gpu["max_count"]
    wanted = resources(vcpu_count=4, ram_gb=16, storage_gb=200, gpus={CARD: {"count": count}})
    row = dock.get(dock.rent(location_id=gpu["at"], resources=wanted))
    prices = gpu["pricing"]
    parts = 4 * prices["per_vcpu_hr"] + 16 * prices["per_gb_ram_hr"]
    parts += 200 * prices["per_gb_storage_hr"]
    assert row["rateHourly"] == pytest.approx(count * gpu["price_per_hr"] + parts, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": None}, "name"),
        ({"image": "gentoo"}, "image"),
        ({"image": ["ubuntu2204"]}, "image"),
        ({"location_id": None}, "location_id"),
        ({"hostnode_id": "x"}, "location_id"),
        ({"resources": resources(vcpu_count=3)}, "vcpu_count"),
        ({"resources": resources(ram_gb=0)}, "ram_gb"),
        ({"resources": resources(storage_gb=99)}, "storage_gb"),
        ({"resources": resources(gpus={})}, "gpus"),
        ({"resources": resources(gpus={CARD: 1})}, "gpus"),
        ({"resources": "many"}, "resources"),
        ({"useDedicatedIp": None}, "port_forwards"),
        ({"useDedicatedIp": "yes"}, "useDedicatedIp"),
        ({"port_forwards": [{"internal_port": 22}]}, "port_forwards"),
        ({"ssh_key": None}, "ssh_key"),
        ({"ssh_key": "hello"}, "ssh_key"),
        ({"ssh_key_id": "both"}, "ssh_key"),
        ({"cloud_init": {"runcmd": "ls"}}, "runcmd"),
        ({"colour": "red"}, "attributes"),
    ],
)
def test_a_wrong_body_is_refused_with_an_array_that_says_where(
    dock: Dock, changes: dict[str, Any], where: str
) -> None:
    answer = dock.create(**changes)
    assert answer.status_code == 400
    (problem,) = answer.json()
    assert set(problem) == {"code", "message", "path"}
    assert problem["path"][-1] == where
    assert dock.alive() == 0


def test_without_a_dedicated_ip_port_22_must_be_forwarded(dock: Dock) -> None:
    refused = dock.create(useDedicatedIp=False)
    assert refused.json()[0]["message"] == "SSH port (22) must be forwarded for Ubuntu VMs"
    forwards = [{"internal_port": port, "external_port": 20000 + port} for port in (22, 8080)]
    row = dock.get(dock.rent(useDedicatedIp=False, port_forwards=forwards))
    assert [forward["internal_port"] for forward in row["portForwards"]] == [22, 8080]
    assert row["portForwards"][0]["external_port"] != 20022


@pytest.mark.parametrize("body", [None, [], "x", {"data": {}}, {"data": {"attributes": {}}}])
def test_a_body_of_another_shape_is_refused_with_an_array(dock: Dock, body: Any) -> None:
    answer = dock.ask("POST", "/instances", body)
    assert answer.status_code == 400
    assert isinstance(answer.json(), list)


def test_a_delete_is_answered_in_three_ways_and_then_the_machine_is_gone(dock: Dock) -> None:
    seen: Counter[str] = Counter()
    for _ in range(3):
        instance_id = dock.rent()
        seen[dock.delete(instance_id).text[:7]] += 1
        dock.sim.advance(1)
        assert dock.gone(instance_id)
        again = dock.delete(instance_id)
        assert (again.status_code, again.json()["error"]) == (404, "Instance not found")
    assert len(seen) == 3
    assert dock.list() == []


def test_a_stopped_machine_keeps_existing_and_starts_again(dock: Dock) -> None:
    instance_id = dock.rent()
    seen = []
    for act in ("stop", "start"):
        assert dock.ask("POST", f"/instances/{instance_id}/{act}").status_code == 200
        seen.append(dock.get(instance_id)["status"].lower())
        dock.sim.advance(1)
        seen.append(dock.get(instance_id)["status"].lower())
    assert seen == ["stopping", "stopped", "starting", "running"]
    assert dock.ask("POST", "/instances/77/stop").status_code == 404


def test_a_realistic_stop_releases_the_gpu_and_may_not_start_again(dock: Dock) -> None:
    ids = [
        dock.sim.control("POST", "orphan", {"provider": "tensordock", "label": "o"})["instance_id"]
        for _ in range(12)
    ]
    dock.sim.control("POST", "config", {"realistic": True})
    for instance_id in ids:
        dock.ask("POST", f"/instances/{instance_id}/stop")
    dock.sim.advance(1)
    assert {dock.get(ident)["status"] for ident in ids} == {"StoppedDisassociated"}
    started = [dock.ask("POST", f"/instances/{ident}/start") for ident in ids]
    assert {no_capacity(answer, "GPU not available") for answer in started} == {True, False}


def test_cost_runs_from_acceptance_to_the_real_end_to_the_second(dock: Dock) -> None:
    dock.sim.control("POST", "config", {"destroy_s": 10})
    instance_id = dock.rent()  # one second passes
    dock.sim.advance(3589)
    dock.delete(instance_id)
    dock.sim.advance(5000)
    ledger = dock.sim.control("GET", "ledger")
    assert ledger["instances"][0]["seconds"] == 3600
    assert ledger["total_usd"] == pytest.approx(dock.truth(instance_id)["price_per_hour"], abs=1e-6)


def test_less_than_a_dollar_rents_nothing(dock: Dock) -> None:
    dock.sim.control("POST", "config", {"balance_usd": 0.99})
    assert no_capacity(dock.create(), "You need at least $1.00 to deploy")


def test_an_orphan_runs_at_once_with_address_label_age_and_price(dock: Dock) -> None:
    asked = {"provider": "tensordock", "label": "gs-x", "gpu_type": "RTX 4090", "age_s": 3600}
    made = dock.sim.control("POST", "orphan", asked | {"price_per_hour": 0.5}, status=201)
    row = dock.get(made["instance_id"])
    assert (row["name"], row["ipAddress"], row["rateHourly"]) == ("gs-x", "127.0.0.1", 0.5)
    assert dock.sim.control("GET", "ledger")["instances"][0]["seconds"] == 3600
    refused = {"provider": "tensordock", "gpu_type": "Voodoo 2"}
    assert dock.sim.control("POST", "orphan", refused, status=400)["field"] == "gpu_type"


def test_the_machines_of_one_provider_are_unknown_to_the_other(dock: Dock) -> None:
    vastai, tensordock = dock.sim.rent(), dock.rent()
    assert dock.gone(str(vastai))
    assert [row["id"] for row in dock.list()] == [tensordock]
    assert dock.sim.get(int(tensordock)) is None
    assert [row["id"] for row in dock.sim.list()["instances"]] == [vastai]


def test_realistic_starts_take_as_long_as_observed_ones(dock: Dock) -> None:
    dock.sim.control("POST", "config", {"realistic": True})
    place = next(
        gpu["at"]
        for gpu in dock.gpus()
        if gpu["network_features"]["dedicated_ip_available"] and gpu["resources"]["max_vcpus"] >= 4
    )
    instance_id = dock.create(location_id=place).json()["data"]["id"]
    dock.sim.advance(4.9)
    assert dock.get(instance_id)["ipAddress"] is None
    dock.sim.advance(26)
    assert dock.get(instance_id)["ipAddress"] == "127.0.0.1"
    dock.sim.advance(60)
    assert dock.get(instance_id)["status"].lower() == "running"


def test_the_journal_shows_neither_token_nor_keys(dock: Dock, key: KeyPair) -> None:
    dock.sim.key = "very-secret"
    dock.rent()
    dock.ask("GET", "/locations?api_key=a&api_token=very-secret")
    entries = dock.sim.control("GET", "requests?provider=tensordock")["requests"]
    assert [e["operation"] for e in entries] == ["locations", "create", "locations"]
    text = str(entries) + str(dock.truth("1000")["request"])
    assert "very-secret" not in text
    assert key.public.split()[1] not in text


BALANCE = "/tensordock/api/v0/billing/balance"


def test_the_older_api_tells_the_balance_for_a_pair_in_a_form(dock: Dock) -> None:
    dock.rent()
    dock.sim.advance(3_599)
    sent = {"api_key": "pair", "api_token": "token"}
    told = requests.post(dock.sim.url + BALANCE, data=sent, timeout=TIMEOUT_S).json()
    price = dock.sim.control("GET", "instances")["instances"][0]["price_per_hour"]
    assert told["success"] is True
    assert told["hourly_cost"] == pytest.approx(price)
    assert told["balance"] == pytest.approx(100 - price, abs=1e-5)
    by_query = requests.get(dock.sim.url + BALANCE, params=sent, timeout=TIMEOUT_S)
    assert by_query.json() == told


@pytest.mark.parametrize(
    "sent", [{}, {"api_key": "pair"}, {"api_token": "right"}, {"api_key": "p", "api_token": "no"}]
)
def test_half_a_pair_or_a_wrong_token_is_told_no_balance(dock: Dock, sent: dict[str, str]) -> None:
    dock.sim.control("POST", "config", {"require_key": {"tensordock": ["right"]}})
    refused = requests.post(dock.sim.url + BALANCE, data=sent, timeout=TIMEOUT_S)
    assert (refused.status_code, refused.json()["success"]) == (401, False)


def test_the_journal_hides_both_keys_of_a_form(dock: Dock) -> None:
    sent = {"api_key": "secret-pair", "api_token": "secret-token"}
    requests.post(dock.sim.url + BALANCE, data=sent, timeout=TIMEOUT_S)
    requests.get(dock.sim.url + BALANCE, params=sent, timeout=TIMEOUT_S)
    journal = dock.sim.control("GET", "requests")
    assert len(journal["requests"]) == 2
    assert "secret-" not in str(journal)
