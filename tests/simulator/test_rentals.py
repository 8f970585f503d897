"""Renting, the life of a machine, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driver import Sim


def test_a_rented_machine_shows_nothing_then_loads_then_runs(sim: Sim) -> None:
    instance_id = sim.create().json()["new_contract"]
    seen = []
    for step_s in (0.0, 0.11, 0.2):
        sim.advance(step_s)
        row = sim.get(instance_id)
        assert row
        seen.append(row["actual_status"])
    assert seen == [None, "loading", "running"]


def test_a_running_row_tells_where_ssh_is(sim: Sim) -> None:
    row = sim.get(sim.rent())
    assert row
    assert row["public_ipaddr"] == row["ssh_host"] == "127.0.0.1"
    both = [{"HostIp": ip, "HostPort": str(row["ssh_port"])} for ip in ("0.0.0.0", "::")]  # noqa: S104
    assert row["ports"] == {"22/tcp": both}
    assert row["label"] == "t"
    assert row["gpu_name"] == "RTX 4090"


def test_ports_stay_empty_until_the_machine_runs(sim: Sim) -> None:
    row = sim.get(sim.create().json()["new_contract"])
    assert row
    assert row["ports"] == {}


def test_ids_begin_at_1000_and_are_not_the_ask_ids(sim: Sim) -> None:
    assert [sim.rent(), sim.rent()] == [1000, 1001]


def test_a_taken_ask_is_no_such_ask_until_its_machine_is_gone(sim: Sim) -> None:
    ask_id = sim.free_4090()
    instance_id = sim.create(ask_id).json()["new_contract"]
    refused = sim.create(ask_id)
    assert refused.status_code == 400
    assert "no_such_ask" in refused.text
    sim.destroy(instance_id)
    sim.advance(1)
    assert sim.create(ask_id).json()["success"] is True


@pytest.mark.parametrize("ask_id", ["77", "not-a-number", "²", "-1"])
def test_an_unknown_ask_is_no_such_ask(sim: Sim, ask_id: str) -> None:
    answer = sim.ask("PUT", f"/api/v0/asks/{ask_id}/", {"image": "x"})
    assert answer.status_code == 400
    assert "no_such_ask" in answer.json()["msg"]


def test_renting_one_ask_takes_the_overlapping_ones_off_the_market(sim: Sim) -> None:
    sim.reset(offers=500)
    rows = sim.search(num_gpus={"gte": 2}, gpu_frac={"eq": 1}, rentable={"eq": True})
    for whole in rows:
        parts = sim.search(machine_id={"eq": whole["machine_id"]}, rentable={"eq": True})
        if len(parts) > 1:
            break
    small = min(parts, key=lambda row: row["num_gpus"])
    sim.create(small["id"])
    left = {
        r["id"] for r in sim.search(machine_id={"eq": whole["machine_id"]}, rentable={"eq": True})
    }
    assert small["id"] not in left
    assert whole["id"] not in left
    assert all(r["id"] in left for r in parts if not set(r["gpu_ids"]) & set(small["gpu_ids"]))


@pytest.mark.parametrize(
    "body",
    [
        {"image": None},
        {"disk": 7.9},
        {"disk": "50"},
        {"env": "-e A=1"},
        {"label": "x" * 257},
        {"price": 0},
        {"price": 129},
        {"unheard_of": 1},
        {"onstart": "x" * 20_000},
    ],
)
def test_a_wrong_create_body_is_refused_and_rents_nothing(sim: Sim, body: dict[str, Any]) -> None:
    assert sim.create(**body).status_code == 400
    assert sim.control("GET", "instances")["instances"] == []


def test_edges_of_the_create_body_are_accepted(sim: Sim) -> None:
    assert sim.create(disk=8, label="x" * 256, env={}).json()["success"] is True


def test_an_unknown_key_passes_when_the_body_is_not_strict(sim: Sim) -> None:
    sim.control("POST", "config", {"strict_body": False})
    assert sim.create(unheard_of=1).status_code == 200


def test_a_bid_below_the_minimum_makes_a_stopped_machine_and_says_no(sim: Sim) -> None:
    answer = sim.create(price=0.001).json()
    assert answer["success"] is False
    row = sim.get(answer["new_contract"])
    assert row
    assert row["cur_state"] == row["intended_status"] == row["next_state"] == "stopped"


def test_a_destroyed_machine_is_null_and_a_second_destroy_finds_nothing(sim: Sim) -> None:
    instance_id = sim.rent()
    assert sim.destroy(instance_id).json() == {"success": True}
    sim.advance(1)
    assert sim.get(instance_id) is None
    again = sim.destroy(instance_id)
    assert (again.status_code, again.json()["error"]) == (404, "no_such_instance")


def test_cost_runs_from_acceptance_to_the_real_end_to_the_second(sim: Sim) -> None:
    sim.control("POST", "config", {"destroy_s": 10})
    instance_id = sim.rent()  # one second passes
    price = sim.truth(instance_id)["price_per_hour"]
    sim.advance(3589)
    sim.destroy(instance_id)
    sim.advance(5000)
    ledger = sim.control("GET", "ledger")
    assert ledger["alive"] == 0
    assert ledger["instances"][0]["seconds"] == 3600
    assert ledger["total_usd"] == pytest.approx(price, abs=1e-6)


def test_the_price_is_the_offers_with_the_disk_asked_for(sim: Sim) -> None:
    offer = sim.search(
        gpu_name={"eq": "RTX 4090"},
        num_gpus={"eq": 1},
        rentable={"eq": True},
        allocated_storage=50,
        limit=1,
    )[0]
    instance_id = sim.rent(ask_id=offer["id"], disk=50)
    row = sim.get(instance_id)
    assert row
    assert row["dph_total"] == pytest.approx(offer["dph_total"], abs=1e-6)


def test_a_label_can_be_changed_up_to_1024_characters(sim: Sim) -> None:
    instance_id = sim.rent()
    path = f"/api/v0/instances/{instance_id}/"
    assert sim.ask("PUT", path, {"label": "y" * 1024}).json() == {"success": True}
    row = sim.get(instance_id)
    assert row
    assert row["label"] == "y" * 1024
    too_long = sim.ask("PUT", path, {"label": "y" * 1025})
    assert (too_long.status_code, too_long.json()["error"]) == (400, "label_too_long")


def test_a_stopped_machine_keeps_existing_and_comes_back(sim: Sim) -> None:
    instance_id = sim.rent()
    path = f"/api/v0/instances/{instance_id}/"
    for state, shown in (("stopped", "exited"), ("running", "running")):
        sim.ask("PUT", path, {"state": state})
        sim.advance(1)
        row = sim.get(instance_id)
        assert row
        assert (row["actual_status"], row["intended_status"]) == (shown, state)


def test_an_account_without_credit_cannot_rent(sim: Sim) -> None:
    sim.control("POST", "config", {"balance_usd": 0})
    answer = sim.create()
    assert (answer.status_code, answer.json()["error"]) == (400, "insufficient_credit")


def test_realistic_starts_take_as_long_as_observed_ones(sim: Sim) -> None:
    sim.control("POST", "config", {"realistic": True})
    instance_id = sim.create().json()["new_contract"]
    sim.advance(20)
    row = sim.get(instance_id)
    assert row
    assert row["actual_status"] == "loading"
    sim.advance(320)
    row = sim.get(instance_id)
    assert row
    assert row["actual_status"] in ("running", "loading", "created")


def test_the_burn_of_a_stopped_machine_is_its_disk_and_the_full_rate_stays_shown(sim: Sim) -> None:
    instance_id = sim.rent(disk=100)
    running = sim.get(instance_id)
    assert running
    storage = running["storage_cost"] * 100 / 720
    assert running["instance"]["totalHour"] == pytest.approx(running["dph_total"], abs=1e-6)
    assert running["instance"]["diskHour"] == pytest.approx(storage, abs=1e-6)
    sim.ask("PUT", f"/api/v0/instances/{instance_id}/", {"state": "stopped"})
    sim.advance(1)
    stopped = sim.get(instance_id)
    assert stopped
    assert stopped["dph_total"] == running["dph_total"]
    assert stopped["instance"]["gpuCostPerHour"] == 0
    assert stopped["instance"]["totalHour"] == pytest.approx(storage, abs=1e-6)


def test_several_machines_are_stopped_and_started_at_once(sim: Sim) -> None:
    both = [sim.rent(), sim.rent()]
    for state, shown in (("stopped", "exited"), ("running", "running")):
        answer = sim.ask("PUT", "/api/v0/instances/", {"ids": [*both, 5], "state": state})
        assert answer.json() == {"success": True}
        sim.advance(1)
        assert [sim.truth(one)["status"] for one in both] == [shown, shown]
    assert sim.ask("PUT", "/api/v0/instances/", {"ids": both}).status_code == 400


def test_some_addresses_end_in_a_newline(sim: Sim) -> None:
    rows = [sim.get(sim.rent()) for _ in range(4)]
    addresses = {row["public_ipaddr"] for row in rows if row}
    assert {one.strip() for one in addresses} == {"127.0.0.1"}
    assert len(addresses) == 2


def test_with_realistic_some_machines_are_lost_later_and_bids_are_outbid(sim: Sim) -> None:
    sim.reset(offers=2_000)
    sim.control("POST", "config", {"realistic": True, "balance_usd": 1e6})
    rows = sim.search(rentable={"eq": True}, num_gpus={"eq": 1}, order=[["dph_base", "asc"]])
    for row in rows:
        sim.create(row["id"], price=row["dph_base"])
    sim.advance(600)
    early = [one["status"] for one in sim.control("GET", "instances")["instances"]]
    sim.advance(200 * 3_600)
    late = [one["status"] for one in sim.control("GET", "instances")["instances"]]
    assert early.count("running") > 50
    assert early.count("stopped") <= 3
    assert late.count("stopped") > 50
