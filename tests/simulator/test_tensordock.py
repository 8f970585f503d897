"""TensorDock: what is offered, who may ask, and the life of a machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import requests

from tests.simulator import driver
from tests.simulator.dock import API, CARD, Dock, no_capacity, resources
from tests.simulator.driver import TIMEOUT_S, KeyPair, Sim


def test_locations_are_between_20_and_40_with_a_list_of_gpus_each(dock: Dock) -> None:
    locations = dock.ask("GET", "/locations").json()["data"]["locations"]
    assert 20 <= len(locations) <= 40
    assert all(isinstance(place["gpus"], list) and place["tier"] in range(5) for place in locations)
    assert all(len(place["country"]) != 2 for place in locations)
    gpu = dock.gpus()[0]
    assert set(gpu) == {
        "at",
        "v0Name",
        "displayName",
        "max_count",
        "price_per_hr",
        "resources",
        "pricing",
        "network_features",
    }


def test_a_seed_always_gives_the_same_locations_and_another_seed_others(dock: Dock) -> None:
    first = dock.ask("GET", "/locations").text
    dock.sim.reset()
    assert dock.ask("GET", "/locations").text == first
    dock.sim.reset(seed=2)
    assert dock.ask("GET", "/locations").text != first


def test_host_nodes_belong_to_listed_locations_and_can_be_filtered(dock: Dock) -> None:
    nodes = dock.ask("GET", f"/hostnodes?gpu_model={CARD}&status=available").json()
    rows = nodes["data"]["hostnodes"]
    assert {row["location_id"] for row in rows} == {gpu["at"] for gpu in dock.gpus()}
    counts = [row["available_resources"]["gpus"][0]["availableCount"] for row in rows]
    assert min(counts) > 0
    one = dock.ask("GET", f"/hostnodes/{rows[0]['id']}").json()["data"]
    assert one == rows[0]


@pytest.mark.parametrize("path", ["/locations", "/hostnodes", "/instances", "/instances/1000"])
def test_no_token_is_answered_with_401(dock: Dock, path: str) -> None:
    answer = requests.get(dock.sim.url + API + path, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_a_pair_in_the_query_opens_the_locations_only(dock: Dock) -> None:
    def status(path: str) -> int:
        pair = {"api_key": "k", "api_token": "t"}
        url = dock.sim.url + API + path
        return requests.get(url, params=pair, timeout=TIMEOUT_S).status_code

    assert [status(path) for path in ("/locations", "/hostnodes", "/instances")] == [200, 200, 401]


def test_only_the_token_given_at_the_start_works() -> None:
    process, url = driver.start("--tensordock-token", "right", "--offers", "5")
    try:
        right, wrong = (
            Sim(url, token).ask("GET", f"{API}/locations").status_code
            for token in ("right", "wrong")
        )
        vastai = Sim(url, "any").ask("GET", "/api/v1/instances/").status_code
    finally:
        driver.stop(process)
    assert (right, wrong, vastai) == (200, 401, 200)


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


def test_rented_gpus_are_off_the_market_until_the_machine_is_gone(dock: Dock) -> None:
    before = next(gpu for gpu in dock.gpus() if gpu["max_count"] == 1)
    wanted = resources(gpus={CARD: {"count": 1}})
    nodes = [
        row
        for row in dock.ask("GET", f"/hostnodes?gpu_model={CARD}").json()["data"]["hostnodes"]
        if row["location_id"] == before["at"]
    ]
    ids = [dock.rent(location_id=before["at"], resources=wanted) for _ in nodes]
    assert before["at"] not in {gpu["at"] for gpu in dock.gpus()}
    assert no_capacity(dock.create(location_id=before["at"], resources=wanted))
    dock.delete(ids[0])
    dock.sim.advance(1)
    assert before["at"] in {gpu["at"] for gpu in dock.gpus()}


def test_more_gpus_than_there_are_is_no_capacity_within_200(dock: Dock) -> None:
    assert no_capacity(dock.create(resources=resources(gpus={CARD: {"count": 64}})))
    assert dock.alive() == 0


def test_more_cpu_than_the_location_gives_is_insufficient_capacity(dock: Dock) -> None:
    answer = dock.create(resources=resources(vcpu_count=1000))
    assert no_capacity(answer, "Insufficient capacity")


def test_an_unknown_location_or_gpu_is_no_capacity(dock: Dock) -> None:
    assert no_capacity(dock.create(location_id="00000000-0000-4000-8000-000000000000"))
    assert no_capacity(dock.create(resources=resources(gpus={"abacus": {"count": 1}})))


def test_a_host_node_can_be_asked_for_instead_of_a_location(dock: Dock) -> None:
    place = dock.attributes()["location_id"]
    nodes = dock.ask("GET", f"/hostnodes?gpu_model={CARD}").json()["data"]["hostnodes"]
    node = next(row for row in nodes if row["location_id"] == place)
    assert dock.create(location_id=None, hostnode_id=node["id"]).status_code == 201
    assert dock.truth("1000")["offer_id"] == f"{place}-{CARD}"


def test_stale_locations_refuse_for_minutes_and_not_for_ever(dock: Dock) -> None:
    dock.sim.control("POST", "config", {"stale_locations": 0.5})
    places = [gpu["at"] for gpu in dock.gpus()]

    def refused() -> list[bool]:
        small = resources(vcpu_count=2, ram_gb=2)
        return [no_capacity(dock.create(location_id=at, resources=small)) for at in places]

    dock.sim.control("POST", "clock", {"set": "2030-01-01T00:00:00Z"})
    first = refused()
    dock.sim.advance(299)
    again = refused()
    dock.sim.advance(1)
    assert {True, False} == set(first)
    assert all(later for now, later in zip(first, again, strict=True) if now)
    assert [at for at, now in zip(refused(), first, strict=True) if at != now]


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


def test_offers_can_be_added_removed_and_set(dock: Dock) -> None:
    (first, second), change = dock.gpus()[:2], {"provider": "tensordock"}
    ids = [f"{gpu['at']}-{CARD}" for gpu in (first, second)]
    dock.sim.control("POST", "offers", change | {"remove": [ids[0]], "set": {ids[1]: {"price": 9}}})
    left = {gpu["at"]: gpu["price_per_hr"] for gpu in dock.gpus()}
    assert first["at"] not in left
    assert left[second["at"]] == 9
    dock.sim.control("POST", "offers", change | {"set": {ids[1]: {"rentable": False}}})
    assert no_capacity(dock.create(location_id=second["at"]))
    taken = {*left, first["at"]}
    free = next(gpu["at"] for gpu in dock.gpus(None) if gpu["at"] not in taken)
    new = {"gpu_type": CARD, "num_gpus": 3, "price": 7.5, "location_id": free}
    dock.sim.control("POST", "offers", change | {"add": [new]})
    (added,) = (gpu for gpu in dock.gpus() if gpu["at"] == free)
    assert (added["max_count"], added["price_per_hr"]) == (3, 7.5)
    shown = dock.sim.control("GET", "offers?provider=tensordock")["offers"]
    assert {row["provider"] for row in shown} == {"tensordock"}


def test_churn_moves_the_market_and_none_of_our_machines(dock: Dock) -> None:
    instance_id = dock.rent()
    before = dock.ask("GET", "/locations").text
    churn = {"rented_per_min": 0.2, "vanish_per_h": 0.3, "price_edits_per_h": 1}
    dock.sim.control("POST", "config", {"churn": churn | {"appear_per_h": 0.3}})
    dock.sim.advance(3600)
    assert dock.ask("GET", "/locations").text != before
    assert dock.get(instance_id)["status"].lower() == "running"


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
