"""The v1 list: cursor, filters, order, columns; and the retired v0 list."""

from __future__ import annotations

import json

import pytest

from tests.simulator.driver import Sim


def plant(sim: Sim, count: int) -> None:
    """Some machines on the account."""
    for number in range(count):
        sim.control("POST", "orphan", {"provider": "vastai", "label": f"m{number % 3}"})


def test_the_cursor_leads_through_every_machine_once(sim: Sim) -> None:
    plant(sim, 30)
    first = sim.list(limit=25)
    assert (first["total_instances"], first["instances_found"]) == (30, 25)
    second = sim.list(limit=25, after_token=first["next_token"])
    assert second["next_token"] is None
    ids = [row["id"] for row in first["instances"] + second["instances"]]
    assert ids == sorted(set(ids))
    assert len(ids) == 30


def test_a_wrongly_named_cursor_is_ignored_and_repeats_page_one(sim: Sim) -> None:
    plant(sim, 6)
    first = sim.list(limit=5)
    assert sim.list(limit=5, next_token=first["next_token"])["instances"] == first["instances"]


def test_an_empty_account_has_total_zero(sim: Sim) -> None:
    page = sim.list()
    assert page["success"] is True
    assert (page["total_instances"], page["instances"], page["next_token"]) == (0, [], None)


def test_labels_are_counted(sim: Sim) -> None:
    plant(sim, 4)
    sim.create(label=None)
    assert sim.list()["label_counts"] == {"m0": 2, "m1": 1, "m2": 1, "": 1}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"limit": "26"}, "invalid_request"),
        ({"limit": "x"}, "invalid_request"),
        ({"after_token": "nonsense"}, "invalid_token"),
        ({"select_filters": '{"dph_total":{"lt":1}}'}, "invalid_request"),
        ({"select_filters": "{"}, "invalid_request"),
        ({"order_by": '[{"col":"nothing"}]'}, "invalid_request"),
        ({"order_by": '[{"col":[1]}]'}, "invalid_request"),
    ],
)
def test_a_malformed_list_request_is_refused(sim: Sim, query: dict[str, str], error: str) -> None:
    plant(sim, 1)
    answer = sim.ask("GET", "/api/v1/instances/", params=query)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_limit_of_zero_becomes_five(sim: Sim) -> None:
    plant(sim, 7)
    assert sim.list(limit=0)["instances_found"] == 5


def test_filters_order_and_columns_work_together(sim: Sim) -> None:
    plant(sim, 6)
    page = sim.list(
        select_filters={"label": {"eq": "m1"}},
        order_by=[{"col": "id", "dir": "desc"}],
        select_cols=["id", "label", "nothing"],
    )
    ids = [row["id"] for row in page["instances"]]
    assert ids == sorted(ids, reverse=True)
    assert page["instances"][0] == {"id": ids[0], "label": "m1", "nothing": None}
    assert page["total_instances"] == 2


def test_a_new_machine_is_missing_from_lists_for_the_lag(sim: Sim) -> None:
    sim.control("POST", "config", {"list_lag_s": 5})
    instance_id = sim.rent()
    assert sim.get(instance_id)
    assert sim.list()["total_instances"] == 0
    sim.advance(4.1)
    assert sim.list()["total_instances"] == 1


def test_a_gone_machine_lingers_in_lists_as_told(sim: Sim) -> None:
    sim.control("POST", "config", {"gone_linger_s": 10})
    instance_id = sim.rent()
    sim.destroy(instance_id)
    sim.advance(5)
    assert sim.get(instance_id) is None
    assert sim.list()["total_instances"] == 1
    sim.advance(6)
    assert sim.list()["total_instances"] == 0


@pytest.mark.parametrize(
    ("knob", "status", "text"),
    [
        (410, 410, "deprecated_endpoint"),
        ("deprecated_200", 200, "deprecated_endpoint"),
        ("empty_200", 200, json.dumps({"instances": []})),
    ],
)
def test_the_old_list_is_retired_in_one_of_three_ways(
    sim: Sim, knob: int | str, status: int, text: str
) -> None:
    plant(sim, 1)
    sim.control("POST", "config", {"v0_list": knob})
    answer = sim.ask("GET", "/api/v0/instances/")
    assert answer.status_code == status
    assert text in answer.text
