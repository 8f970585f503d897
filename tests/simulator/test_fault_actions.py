"""Every fault action changes what it says, is told in the journal, and is undone by a reset."""

from __future__ import annotations

import json
from typing import Any

import paramiko
import pytest
import requests

from simulator.faults.catalogue import CATALOGUE, GARBAGE, SSH_MODES
from tests.simulator import fault_cases_machines, fault_cases_requests
from tests.simulator.driver import KeyPair, Sim
from tests.simulator.fault_cases import CASES, LIST, SHORT_S, fails

MODULES = (fault_cases_machines, fault_cases_requests)  # imported for their cases


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 502, 503])
def test_a_status_fault_answers_that_status_without_effect(sim: Sim, code: int) -> None:
    sim.fault("status", operation="create", params={"code": code, "retry_after": 2})
    answer = sim.create()
    assert (answer.status_code, answer.headers["Retry-After"]) == (code, "2")
    assert sim.control("GET", "instances")["instances"] == []


@pytest.mark.parametrize("kind", GARBAGE)
def test_every_kind_of_garbage_differs_from_the_honest_answer(sim: Sim, kind: str) -> None:
    sim.rent()
    honest = sim.ask("GET", LIST)
    sim.fault("garbage", params={"kind": kind})
    spoilt = sim.ask("GET", LIST)
    kinds = (honest.headers["Content-Type"], spoilt.headers["Content-Type"])
    assert honest.text != spoilt.text or kinds[0] != kinds[1]
    if kind == "huge":
        assert len(spoilt.content) >= 5_000_000
    if kind == "nan":
        assert "NaN" in spoilt.text
    if kind == "truncated_json":
        assert fails(spoilt.json, ValueError)


@pytest.mark.parametrize("mode", ["refuse", "5xx", "hang", "html"])
def test_an_outage_lasts_as_long_as_told_and_hits_everything(sim: Sim, mode: str) -> None:
    sim.control("POST", "outage", {"provider": "vastai", "mode": mode, "for_s": 60})

    def works() -> bool:
        answer = sim.ask("GET", LIST, timeout=SHORT_S)
        return answer.status_code == 200 and "instances" in answer.json()

    assert fails(lambda: works() or 1 / 0, requests.RequestException, ZeroDivisionError)
    sim.advance(61)
    assert works()


def ssh_seen(sim: Sim, key: KeyPair, mode: str) -> str:
    """What a client sees of a machine whose SSH misbehaves, in one word."""
    instance_id = sim.rent(key)
    pinned = sim.truth(instance_id)["host_key"].split()[1]
    port = sim.truth(instance_id)["ssh_port"]
    timeout = SHORT_S if mode in ("hang", "slow") else 5.0
    try:
        with sim.login(port, key, timeout) as client:
            transport = client.get_transport()
            assert transport
            if transport.get_remote_server_key().get_base64() != pinned:
                return "other host key"
            _, out, _ = client.exec_command("echo ok && nvidia-smi -L", timeout=5)
            text = out.read().decode()
    except paramiko.AuthenticationException:
        return "no login"
    except (paramiko.SSHException, OSError, EOFError):
        return "no connection"
    return "fine" if text.startswith("ok\nGPU 0") else "bad output"


SSH_SEEN = {
    "refuse": "no connection",
    "hang": "no connection",
    "slow": "no connection",
    "close_after_banner": "no connection",
    "auth_fail": "no login",
    "wrong_host_key": "other host key",
    "host_key_change": "other host key",
    "command_fails": "bad output",
    "wrong_output": "bad output",
    "no_nvidia_smi": "bad output",
}


@pytest.mark.parametrize("mode", SSH_MODES)
def test_every_ssh_mode_is_seen_by_a_client_and_undone_by_reset(
    sim: Sim, key: KeyPair, mode: str
) -> None:
    params = {"mode": mode, "s": 1} if mode == "slow" else {"mode": mode}
    rule = sim.fault("ssh", params=params)
    assert ssh_seen(sim, key, mode) == SSH_SEEN[mode]
    (shown_rule,) = sim.control("GET", "faults")["faults"]
    assert (shown_rule["id"], shown_rule["fired"]) == (rule["id"], 1)
    sim.reset()
    assert ssh_seen(sim, key, "honest") == "fine"


def test_the_ssh_of_one_machine_can_be_broken_alone(sim: Sim, key: KeyPair) -> None:
    broken, fine = sim.rent(key), sim.rent(key)
    sim.control("POST", f"instances/{broken}", {"ssh": {"mode": "auth_fail", "count": 1}})
    with pytest.raises(paramiko.AuthenticationException):
        sim.run(broken, key, "echo ok")
    assert sim.run(fine, key, "echo ok")[2] == 0
    assert sim.run(broken, key, "echo ok")[2] == 0


def test_every_action_of_the_catalogue_has_a_case() -> None:
    assert {name.split()[0] for name in CASES} == set(CATALOGUE)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_action_is_seen_once_posted_and_neither_before_nor_after_a_reset(
    sim: Sim, key: KeyPair, name: str
) -> None:
    def post(**rule: Any) -> None:
        sim.fault(name.split()[0], **rule)

    def nothing(**_rule: Any) -> None:
        return None

    assert CASES[name](sim, key, nothing) is False
    sim.reset()
    assert CASES[name](sim, key, post) is True
    (rule,) = sim.control("GET", "faults")["faults"]
    assert rule["fired"] >= 1
    assert rule["matched"] >= rule["fired"]
    sim.reset()
    assert CASES[name](sim, key, nothing) is False


def test_the_journal_names_the_rule_that_changed_an_answer(sim: Sim) -> None:
    rule = sim.fault("list_empty", id="nobody-home")
    sim.list()
    (entry,) = sim.control("GET", "requests")["requests"]
    assert entry["rules"] == [rule["id"]] == ["nobody-home"]


def test_a_reset_closes_hanging_requests(sim: Sim) -> None:
    sim.fault("hang", operation="list")
    assert fails(lambda: sim.ask("GET", LIST, timeout=SHORT_S), requests.Timeout)
    sim.reset()
    assert json.loads(sim.ask("GET", LIST).text)["success"] is True
