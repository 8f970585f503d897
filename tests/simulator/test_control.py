"""The control endpoints: reset, knobs, clock, orphans, truth, journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.journal import redacted
from simulator.scenarios import SCENARIOS
from tests.simulator import driver
from tests.simulator.driver import KeyPair, Sim, until


def test_the_simulator_ends_with_the_program_that_started_it() -> None:
    process, url = driver.start("--offers", "5")
    assert process.stdin
    process.stdin.close()
    assert process.wait(5) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url + "/health", timeout=5)


def test_health_says_what_this_is(sim: Sim) -> None:
    body = requests.get(sim.url + "/health", timeout=5).json()
    assert body["status"] == "ok"
    assert body["type"] == "gpu-shopper-simulator"
    assert body["seed"] == 1
    assert body["now"].endswith("Z")


def test_reset_forgets_machines_rules_knobs_journal_and_offers(sim: Sim, key: KeyPair) -> None:
    sim.rent(key)
    sim.fault("latency", params={"ms": 1})
    sim.control("POST", "config", {"list_lag_s": 9, "boot": {"null_s": 7}})
    before = sim.control("GET", "offers")
    sim.reset(seed=2, offers=30)
    assert sim.control("GET", "instances") == {"instances": [], "alive": 0}
    assert sim.control("GET", "faults")["faults"] == []
    assert sim.control("GET", "requests")["requests"] == []
    config = sim.control("GET", "config")
    assert (config["list_lag_s"], config["boot"]["null_s"], config["seed"]) == (0, 0.1, 2)
    assert sim.control("GET", "offers")["counts"]["vastai"]["offers"] == 30
    sim.reset()
    after = sim.control("GET", "offers")
    assert [row["id"] for row in after["offers"]] == [row["id"] for row in before["offers"]]
    assert sim.rent() == 1000


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("reset", {"size": 5}, "size"),
        ("config", {"sped": 1}, "sped"),
        ("config", {"boot": {"nul_s": 1}}, "nul_s"),
        ("config", {"speed": -1}, "speed"),
        ("config", {"realistic": "yes"}, "realistic"),
        ("config", {"latency_ms": {"min": 1}}, "latency_ms"),
        ("faults", {"action": "explode"}, "action"),
        ("faults", {"action": "latency", "params": {"seconds": 1}}, "seconds"),
        ("faults", {"action": "latency", "operation": "dance"}, "operation"),
        ("faults", {"action": "latency", "match": {"colour": "red"}}, "colour"),
        ("faults", {"action": "latency", "when": {"count": "x"}}, "when.count"),
        ("orphan", {"labl": "x"}, "labl"),
        ("orphan", {"provider": "runpod"}, "provider"),
        ("clock", {"advance_s": -1}, "advance_s"),
        ("clock", {"set": "yesterday"}, "set"),
        ("clock", {"set": "2001-01-01T00:00:00Z"}, "set"),
        ("scenario", {}, "name"),
        ("clock", {"speed": 1e300}, "speed"),
        ("offers", {"remove": ["1"]}, "remove"),
        ("offers", {"add": True}, "add"),
        ("offers", {"provider": {}}, "provider"),
    ],
)
def test_unknown_or_wrong_fields_are_named(
    sim: Sim, path: str, body: dict[str, Any], field: str
) -> None:
    assert field in sim.control("POST", path, body, status=400)["field"]


def test_a_refused_configuration_changes_nothing(sim: Sim) -> None:
    before = sim.control("GET", "config")
    sim.control("POST", "config", {"list_lag_s": 5, "nonsense": 1}, status=400)
    assert sim.control("GET", "config") == before


def test_every_knob_can_be_set_back(sim: Sim) -> None:
    before = sim.control("GET", "config")
    changed = {"require_key": {"vastai": ["k"]}, "rate_limit": "vast_intervals", "page_size": 3}
    sim.control("POST", "config", changed)
    sim.control("POST", "config", {"require_key": None, "rate_limit": "off", "page_size": 25})
    assert sim.control("GET", "config") == before


def test_every_knob_is_turned_in_some_test(sim: Sim) -> None:
    tests = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in sim.control("GET", "config") if f'"{name}"' not in tests] == []


def test_a_new_machine_is_null_by_itself_for_the_lag(sim: Sim) -> None:
    sim.control("POST", "config", {"single_lag_s": 5})
    instance_id = sim.create().json()["new_contract"]
    assert sim.get(instance_id) is None
    assert sim.list()["total_instances"] == 1
    sim.advance(5)
    assert sim.get(instance_id)


def test_the_clock_stands_still_at_speed_zero_and_moves_by_hand(sim: Sim) -> None:
    first = sim.control("POST", "clock", {})["now"]
    assert sim.control("POST", "clock", {})["now"] == first
    moved = sim.control("POST", "clock", {"set": "2030-01-01T00:00:00Z"})["now"]
    assert moved == "2030-01-01T00:00:00.000Z"


def test_timers_due_in_one_jump_fire_in_order(sim: Sim) -> None:
    sim.control("POST", "config", {"destroy_s": 5})
    instance_id = sim.create().json()["new_contract"]
    sim.destroy(instance_id)
    sim.advance(1000)
    truth = sim.truth(instance_id)
    assert truth["status"] == "gone"
    assert sim.control("GET", "ledger")["instances"][0]["seconds"] == 5


def test_time_runs_by_itself_at_the_chosen_speed(sim: Sim) -> None:
    sim.control("POST", "config", {"boot": {"null_s": 100, "loading_s": 100}})
    instance_id = sim.create().json()["new_contract"]
    sim.control("POST", "clock", {"speed": 10_000})
    assert until(lambda: sim.truth(instance_id)["status"] == "running")


def test_an_orphan_runs_at_once_with_its_label_age_and_price(sim: Sim) -> None:
    posted = {"provider": "vastai", "label": "gs-x", "gpu_type": "RTX 3090", "age_s": 3600}
    made = sim.control("POST", "orphan", posted | {"price_per_hour": 0.5}, status=201)
    row = sim.get(int(made["instance_id"]))
    assert row
    assert (row["actual_status"], row["label"]) == ("running", "gs-x")
    assert row["gpu_name"] == "RTX 3090"
    assert sim.control("GET", "ledger")["instances"][0]["seconds"] == 3600


def test_the_truth_knows_who_ended_a_machine(sim: Sim) -> None:
    mine, vanished = sim.rent(), sim.rent()
    sim.destroy(mine)
    sim.fault("vanish", match={"instance_id": str(vanished)})
    sim.advance(1)
    assert sim.truth(mine)["ended_by"] == "api"
    assert sim.truth(vanished)["ended_by"] == "vanished"
    assert sim.control("GET", "instances")["alive"] == 0


def test_hidden_machines_are_seen_only_in_the_truth(sim: Sim) -> None:
    instance_id = sim.rent()
    sim.control("POST", f"instances/{instance_id}", {"hidden": True})
    assert sim.get(instance_id) is None
    assert sim.list()["total_instances"] == 0
    assert sim.truth(instance_id)["alive"] is True
    sim.control("POST", f"instances/{instance_id}", {"hidden": False})
    assert sim.get(instance_id)


@pytest.mark.parametrize(
    ("patch", "shown"),
    [
        ({"status": "offline"}, {"status": "offline", "ssh_open": False}),
        ({"die": True}, {"status": "exited", "alive": True, "ssh_open": False}),
        ({"price_per_hour": 3}, {"price_per_hour": 3.0}),
        ({"remove": True}, {"alive": False, "ended_by": "removed"}),
    ],
)
def test_one_machine_can_be_changed_now(
    sim: Sim, patch: dict[str, Any], shown: dict[str, Any]
) -> None:
    instance_id = sim.rent()
    sim.control("POST", f"instances/{instance_id}", patch)
    truth = sim.truth(instance_id)
    assert {name: truth[name] for name in shown} == shown


def test_a_gone_machine_can_be_resurrected_and_costs_again(sim: Sim, key: KeyPair) -> None:
    instance_id = sim.rent(key)
    sim.destroy(instance_id)
    sim.advance(3600)
    sim.control("POST", f"instances/{instance_id}", {"resurrect": True})
    assert sim.run(instance_id, key, "echo ok")[0] == "ok\n"
    sim.advance(100)
    assert sim.control("GET", "ledger")["instances"][0]["seconds"] == 101


def test_offers_can_be_added_removed_and_set(sim: Sim) -> None:
    ask_id = sim.free_4090()
    added = {"gpu_type": "H100 SXM", "num_gpus": 4, "price": 7.5, "id": 123}
    counts = sim.control("POST", "offers", {"add": [added], "remove": [str(ask_id)]})
    assert counts["offers"] == 60
    (row,) = sim.search(ask_contract_id={"eq": 123})
    assert (row["gpu_name"], row["num_gpus"], row["dph_base"]) == ("H100 SXM", 4, 7.5)
    assert sim.search(ask_contract_id={"eq": ask_id}) == []
    sim.control("POST", "offers", {"set": {"123": {"rentable": False}}})
    assert "no_such_ask" in sim.create(123).text


def test_the_journal_tells_every_request_without_secrets(sim: Sim, key: KeyPair) -> None:
    sim.key = "very-secret"
    instance_id = sim.rent(key)
    sim.ask("GET", "/api/v1/instances/?api_key=very-secret")
    journal = sim.control("GET", "requests")["requests"]
    assert [entry["operation"] for entry in journal] == ["search", "create", "attach_key", "list"]
    text = json.dumps(journal)
    assert "very-secret" not in text
    assert key.public.split()[1] not in text
    created = sim.control("GET", "requests?method=PUT&path=/api/v0/asks/*")["requests"]
    assert [entry["body"]["label"] for entry in created] == ["t"]
    assert created[0]["status"] == 200
    later = sim.control("GET", f"requests?since={created[0]['number']}")["requests"]
    assert later[0]["path"] == f"/api/v0/instances/{instance_id}/ssh/"


def test_the_journal_hides_the_token_of_an_agent_and_shows_the_rest_of_its_line() -> None:
    line = f"(true;SHOPPER_AGENT_TOKEN={'t' * 43} SHOPPER_URL=https://x exec agent) &"
    shown = redacted({"onstart": line, "runcmd": [line]})
    assert "ttt" not in str(shown)
    assert shown["onstart"] == shown["runcmd"][0]
    assert shown["onstart"].endswith("SHOPPER_URL=https://x exec agent) &")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_can_be_installed_and_reset(sim: Sim, name: str) -> None:
    rules = sim.control("POST", "scenario", {"name": name})["rules"]
    assert len(rules) == len(SCENARIOS[name])
    sim.control("POST", "reset", {"scenario": name})
    assert len(sim.control("GET", "faults")["faults"]) == len(rules)
    sim.reset()
    assert sim.control("GET", "faults")["faults"] == []


def test_churn_moves_the_market_and_none_of_our_machines(sim: Sim) -> None:
    instance_id = sim.rent()
    before = sim.control("GET", "offers")["offers"]
    churn = {"rented_per_min": 0.2, "vanish_per_h": 0.5, "appear_per_h": 0.5}
    sim.control("POST", "config", {"churn": churn | {"price_edits_per_h": 1}})
    sim.advance(3600)
    after = sim.control("GET", "offers")["offers"]
    assert {row["id"] for row in after} != {row["id"] for row in before}
    assert sim.truth(instance_id)["alive"] is True
    assert sim.get(instance_id)


def test_vast_intervals_refuse_the_second_call_in_a_known_shape(sim: Sim) -> None:
    sim.control("POST", "config", {"rate_limit": "vast_intervals", "retry_after_share": 1})
    first, second = (sim.ask("GET", "/api/v1/instances/") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 429)
    assert float(second.headers["Retry-After"]) == pytest.approx(1.0)
    sim.advance(1)
    assert sim.ask("GET", "/api/v1/instances/").status_code == 200


def test_refusals_for_haste_come_in_every_known_shape(sim: Sim) -> None:
    sim.fault("status", params={"code": 429})
    bodies = {sim.ask("GET", "/api/v1/instances/").text for _ in range(8)}
    assert len(bodies) == 4
    assert any(not body.startswith("{") for body in bodies)


def test_latency_can_be_set_for_all_answers(sim: Sim) -> None:
    for knob in (80, {"min": 80, "max": 90}, {"p50": 85, "p99": 85}):
        for latency in (knob, {"vastai": knob}):
            sim.control("POST", "config", {"latency_ms": latency})
            sim.search(limit=1)
    entries = sim.control("GET", "requests")["requests"]
    assert len(entries) == 6
    assert all(entry["duration_ms"] >= 80 for entry in entries)


def test_a_reset_forgets_the_calls_before_it(sim: Sim) -> None:
    """Also those of a clock that was ahead."""
    limit = {"rate_limit": "vast_intervals"}
    sim.control("POST", "config", limit)
    sim.advance(3_600)
    sim.ask("GET", "/api/v1/instances/")
    sim.control("POST", "reset", {})
    sim.control("POST", "config", limit)
    assert sim.ask("GET", "/api/v1/instances/").status_code == 200
