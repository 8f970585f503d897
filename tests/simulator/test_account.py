"""Keys, credit, charges, templates, paths."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.simulator import driver
from tests.simulator.driver import Sim


def test_no_key_is_403_and_any_key_will_do_by_default(sim: Sim) -> None:
    sim.key = ""
    refused = sim.ask("GET", "/api/v0/users/current/")
    assert (refused.status_code, refused.json()["error"]) == (403, "auth_error")
    sim.key = "whatever"
    assert sim.ask("GET", "/api/v0/users/current/").status_code == 200


def test_a_wrong_key_is_404_auth_error_when_keys_are_required(sim: Sim) -> None:
    sim.control("POST", "config", {"require_key": {"vastai": ["right"]}})
    sim.key = "wrong"
    refused = sim.ask("GET", "/api/v1/instances/")
    assert (refused.status_code, refused.json()["error"]) == (404, "auth_error")
    sim.key = "right"
    assert sim.ask("GET", "/api/v1/instances/").status_code == 200
    by_query = sim.ask("GET", "/api/v1/instances/?api_key=right", headers={"Authorization": ""})
    assert by_query.status_code == 200


def test_keys_of_the_command_line_are_the_only_ones_and_survive_a_reset() -> None:
    process, url = driver.start("--vastai-key", "one", "--vastai-key", "two", "--offers", "5")
    try:
        for given, status in (("one", 200), ("two", 200), ("three", 404)):
            answer = Sim(url, given).ask("GET", "/api/v1/instances/")
            assert answer.status_code == status
        Sim(url).reset()
        assert Sim(url, "three").ask("GET", "/api/v1/instances/").status_code == 404
    finally:
        assert driver.stop(process) == 0


def test_credit_falls_by_what_the_machines_cost(sim: Sim) -> None:
    instance_id = sim.rent()
    price = sim.truth(instance_id)["price_per_hour"]
    sim.advance(2 * 3600 - 1)
    user = sim.ask("GET", "/api/v0/users/current/").json()
    assert user["credit"] == pytest.approx(100 - 2 * price, abs=1e-5)


def test_charges_agree_with_the_ledger_to_the_cent(sim: Sim) -> None:
    sim.rent(label="a")
    sim.advance(36_000)
    day = {"day": {"gte": 0, "lte": time.time() + 100_000}}
    answer = sim.ask("GET", "/api/v0/charges/", params={"select_filters": json.dumps(day)}).json()
    ledger = sim.control("GET", "ledger")["instances"]
    (charge,) = answer["results"]
    assert charge["source"] == f"instance-{ledger[0]['id']}"
    assert charge["amount"] == pytest.approx(ledger[0]["usd"], abs=0.005)
    assert charge["metadata"]["label"] == "a"


def test_charges_are_selected_by_type_and_told_from_either_end(sim: Sim) -> None:
    both = [f"instance-{sim.rent()}", f"instance-{sim.rent()}"]

    def sources(latest_first: str = "", **filters: Any) -> list[str]:
        day = {"gte": 0, "lte": time.time() + 100_000}
        query = {"select_filters": json.dumps({"day": day, **filters})}
        rows = sim.ask(
            "GET", "/api/v0/charges/", params=query | {"latest_first": latest_first}
        ).json()["results"]
        return [row["source"] for row in rows]

    assert sources() == both
    assert sources(type={"in": ["instance", "volume"]}) == both
    assert sources(type={"in": ["volume"]}) == []
    assert sources(latest_first="true") == both[::-1]


def test_charges_come_in_pages_with_a_token_and_a_total(sim: Sim) -> None:
    for _ in range(3):
        sim.rent()
    filters = json.dumps({"day": {"gte": 0, "lte": time.time() + 100_000}})
    query = {"select_filters": filters, "limit": "2"}
    page = sim.ask("GET", "/api/v0/charges/", params=query).json()
    assert (page["count"], page["total"]) == (2, 3)
    query["after_token"] = page["next_token"]
    rest = sim.ask("GET", "/api/v0/charges/", params=query).json()
    assert (rest["count"], rest["total"], rest["next_token"]) == (1, 3, None)


def test_charges_without_a_day_are_refused(sim: Sim) -> None:
    assert sim.ask("GET", "/api/v0/charges/").status_code == 400


def test_templates_tell_hash_and_image_and_filters_mostly_as_text(sim: Sim) -> None:
    everything = sim.ask("GET", "/api/v0/template/").json()
    assert everything["templates_found"] == len(everything["templates"])
    only = sim.ask(
        "GET", "/api/v0/template/", params={"select_filters": '{"recommended":{"eq":true}}'}
    ).json()["templates"]
    assert 0 < len(only) < everything["templates_found"]
    ollama = next(row for row in only if "Ollama" in row["name"])
    assert ollama["hash_id"] == "38a9dab633743d43107eb9a80d4ada9e"
    assert json.loads(ollama["extra_filters"])["gpu_ram"] == {"gte": 8000}
    assert {type(row["extra_filters"]) for row in only} == {str, dict, type(None)}


def test_a_template_cannot_be_asked_for_by_its_hash(sim: Sim) -> None:
    wanted = json.dumps({"hash_id": {"eq": "38a9dab633743d43107eb9a80d4ada9e"}})
    path, query = "/api/v0/template/", {"select_filters": wanted}
    everything = sim.ask("GET", path).json()
    assert sim.ask("GET", path, params=query).json() == everything


def test_a_machine_of_a_template_has_its_image_environment_and_ports(sim: Sim) -> None:
    tgi = "b1d5a2f7c3e84f60a9127d3c5e6f8b90"
    mine = {"MINE": "1", "-p 9000:9000": "1"}
    row = sim.get(sim.rent(image=None, template_hash_id=tgi, env=mine))
    assert row is not None
    assert row["image_uuid"] == "ghcr.io/huggingface/text-generation-inference:latest"
    assert (row["template_id"], row["template_name"]) == (105, "Text Generation Inference")
    assert dict(row["extra_env"]) == {
        "-p 8080:80": "1",
        "HF_HUB_ENABLE_HF_TRANSFER": "1",
        "MINE": "1",
        "-p 9000:9000": "1",
    }


@pytest.mark.parametrize("path", ["/api/v0/users/current", "/api/v0/users/current/"])
def test_paths_work_with_and_without_a_trailing_slash(sim: Sim, path: str) -> None:
    assert sim.ask("GET", path).status_code == 200


def test_strict_slash_redirects_a_path_without_one(sim: Sim) -> None:
    sim.control("POST", "config", {"strict_slash": True})
    answer = sim.ask("GET", "/api/v0/users/current", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == "/api/v0/users/current/"


def test_an_unknown_path_is_not_found_in_json(sim: Sim) -> None:
    answer = sim.ask("GET", "/api/v0/nothing/")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert sim.ask("GET", "/_test/nothing").status_code == 404
