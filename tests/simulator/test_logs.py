"""The logs of a machine, and the files in which they are found."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.simulator.driver import TIMEOUT_S, KeyPair, Sim


def request_logs(sim: Sim, instance_id: int, **body: Any) -> requests.Response:
    return sim.ask("PUT", f"/api/v0/instances/request_logs/{instance_id}/", body)


def fetched(sim: Sim, instance_id: int, **body: Any) -> list[str]:
    """The lines, once they are written."""
    url = request_logs(sim, instance_id, **body).json()["result_url"]
    sim.advance(1)
    answer = requests.get(url, timeout=TIMEOUT_S)
    assert answer.status_code == 200
    return answer.text.split("\n")[:-1]


def test_the_file_is_denied_until_it_is_written_and_needs_no_key(sim: Sim) -> None:
    instance_id = sim.rent()
    answer = request_logs(sim, instance_id, tail="1000").json()
    assert answer["success"] is True
    early = requests.get(answer["result_url"], timeout=TIMEOUT_S)
    assert (early.status_code, early.headers["Content-Type"]) == (403, "application/xml")
    sim.advance(0.2)
    written = requests.get(answer["result_url"], timeout=TIMEOUT_S)
    assert written.status_code == 200
    assert "Server listening" in written.text


def test_the_file_is_refused_to_those_who_send_a_key(sim: Sim) -> None:
    url = request_logs(sim, sim.rent(), tail="1").json()["result_url"]
    sim.advance(1)
    assert sim.ask("GET", url.removeprefix(sim.url)).status_code == 400


def test_the_delay_is_a_knob(sim: Sim) -> None:
    sim.control("POST", "config", {"logs_delay_s": 5})
    url = request_logs(sim, sim.rent(), tail="1").json()["result_url"]
    sim.advance(4)
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 403
    sim.advance(1)
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 200


def test_tail_filter_and_daemon_logs_are_texts_and_select_lines(sim: Sim, key: KeyPair) -> None:
    instance_id = sim.rent(key, env={"MODEL": "tiny", "-p 80:80": "1"})
    everything = fetched(sim, instance_id)
    assert "MODEL=tiny" in everything
    assert any(key.public in line for line in everything)
    assert not any("-p 80" in line for line in everything)
    assert fetched(sim, instance_id, tail="1") == everything[-1:]
    assert fetched(sim, instance_id, filter="MODEL") == ["MODEL=tiny"]
    daemon = fetched(sim, instance_id, daemon_logs="true")
    assert daemon
    assert "Pulling from" in daemon[0]
    assert daemon != everything


def test_a_machine_that_does_not_run_yet_wrote_nothing_and_one_that_died_tells_it(
    sim: Sim,
) -> None:
    young = int(sim.create().json()["new_contract"])
    url = request_logs(sim, young).json()["result_url"]
    sim.advance(0.25)
    assert requests.get(url, timeout=TIMEOUT_S).text == ""
    sim.advance(1)
    sim.control("POST", f"instances/{young}", {"die": True, "oom": True})
    lines = fetched(sim, young)
    assert "Killed process" in lines[-2]
    assert "exited" in lines[-1]


@pytest.mark.parametrize("body", [{"tail": "many"}, {"tail": [1]}, {"lines": "5"}])
def test_a_wrong_request_is_refused(sim: Sim, body: dict[str, Any]) -> None:
    assert request_logs(sim, sim.rent(), **body).status_code == 400


def test_a_machine_that_is_gone_has_no_logs(sim: Sim) -> None:
    instance_id = sim.rent()
    sim.destroy(instance_id)
    sim.advance(1)
    refused = request_logs(sim, instance_id)
    assert (refused.status_code, refused.json()["error"]) == (404, "no_such_instance")
    assert requests.get(f"{sim.url}/vast-logs/none.log", timeout=TIMEOUT_S).status_code == 403


def test_rules_act_on_the_request_and_on_the_file(sim: Sim) -> None:
    url = request_logs(sim, sim.rent()).json()["result_url"]
    sim.advance(1)
    sim.fault("status", operation="logs", params={"code": 502})
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 502
    assert request_logs(sim, 1000).status_code == 502
