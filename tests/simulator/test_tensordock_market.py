"""TensorDock: what is offered, who may ask, and what is no longer there."""

from __future__ import annotations

import pytest
import requests

from tests.simulator import driver
from tests.simulator.dock import API, CARD, Dock, no_capacity, resources
from tests.simulator.driver import TIMEOUT_S, Sim


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
