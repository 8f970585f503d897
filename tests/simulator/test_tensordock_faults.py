"""Every fault action that applies to TensorDock changes what it says, in its own shapes."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.faults.catalogue import CATALOGUE
from tests.simulator import fault_cases_tensordock_machines
from tests.simulator.dock import Dock
from tests.simulator.fault_cases_tensordock import DOCK_CASES

MODULES = (fault_cases_tensordock_machines,)  # imported for its cases
ELSEWHERE = {
    "latency",  # these three do not depend on the provider
    "reset",
    "slow_body",
    "list_bad_total",  # the list has neither a total nor a cursor
    "list_loop",
    "attach_fails",  # keys come with the create
    "http",  # machines serve nothing by themselves
}


def test_every_action_has_a_case_or_a_reason_why_not() -> None:
    assert {name.split()[0] for name in DOCK_CASES} == set(CATALOGUE) - ELSEWHERE


@pytest.mark.parametrize("name", sorted(DOCK_CASES))
def test_the_action_is_seen_once_posted_and_neither_before_nor_after_a_reset(
    dock: Dock, name: str
) -> None:
    def post(**rule: Any) -> None:
        dock.sim.fault(name.split()[0], **rule)

    def nothing(**_rule: Any) -> None:
        return None

    assert DOCK_CASES[name](dock, nothing) is False
    dock.sim.reset()
    assert DOCK_CASES[name](dock, post) is True
    (rule,) = dock.sim.control("GET", "faults")["faults"]
    assert rule["fired"] >= 1
    dock.sim.reset()
    assert DOCK_CASES[name](dock, nothing) is False


@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500, 502, 503])
def test_a_status_fault_comes_in_tensordocks_shape(dock: Dock, code: int) -> None:
    dock.sim.fault("status", operation="create", params={"code": code})
    answer = dock.create()
    assert answer.status_code == code
    if code == 400:
        assert isinstance(answer.json(), list)
    elif code == 502:
        assert answer.text.startswith("<html>")
    else:
        assert set(answer.json()) == {"error"}
    assert dock.alive() == 0


def test_a_rule_of_one_provider_leaves_the_other_alone(dock: Dock) -> None:
    dock.sim.fault("list_empty", provider="vastai")
    dock.sim.control("POST", "orphan", {"provider": "tensordock", "label": "gs-1"})
    assert len(dock.list()) == 1


def test_n_per_second_limits_tensordock_and_vasts_intervals_do_not(dock: Dock) -> None:
    def statuses() -> list[int]:
        return [dock.ask("GET", "/instances").status_code for _ in range(2)]

    dock.sim.control("POST", "config", {"rate_limit": "vast_intervals"})
    assert statuses() == [200, 200]
    dock.sim.control("POST", "config", {"rate_limit": 1})
    assert statuses() == [200, 429]
    dock.sim.advance(1)
    assert statuses() == [200, 429]


def test_lists_and_single_looks_can_be_late_and_gone_machines_linger(dock: Dock) -> None:
    dock.sim.control(
        "POST", "config", {"list_lag_s": 5, "single_lag_s": 3, "gone_linger_s": 9, "destroy_s": 0}
    )
    instance_id = dock.rent()  # one second passes
    assert (dock.list(), dock.gone(instance_id)) == ([], True)
    dock.sim.advance(4)
    assert (len(dock.list()), dock.gone(instance_id)) == (1, False)
    dock.delete(instance_id)
    assert (len(dock.list()), dock.gone(instance_id)) == (1, True)
    dock.sim.advance(9)
    assert dock.list() == []
