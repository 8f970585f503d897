"""The main job: rent, log in, extend, end, and see it proven gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import paramiko
import pytest

from gpu_shopper.ssh.keys import KeyPair, new_pair
from local import ssh
from tests.e2e import provider
from tests.e2e.renting import Renting, Row, another, together
from tests.e2e.stories import told_by


@dataclass(frozen=True)
class MainJob:
    """A whole life, as its consumer and the provider saw it."""

    created: Row
    private_key: str
    running: Row
    machine: Row
    said: str
    extended: Row
    done: Row
    stopped: Row
    truth: Row


def main_job(renting: Renting) -> MainJob:
    live = renting.live
    rental, running = renting.running()
    key = rental.private_key or ""
    return MainJob(
        created=rental.created,
        private_key=key,
        running=running,
        machine=provider.machine_of(live, rental),
        said=ssh.run(running, key, "nvidia-smi"),
        extended=rental.caller.post(f"{rental.path}/extend", {"additional_hours": 2}),
        done=rental.done(),
        stopped=rental.until("stopped"),
        truth=provider.machine_of(live, rental),
    )


@dataclass(frozen=True)
class OwnKey:
    """A rental with a key that the consumer brought, and logins with other keys."""

    pair: KeyPair
    answered_key: str | None
    running: Row
    said: str
    refused: list[type[Exception]]
    installed: list[str]


def own_key(renting: Renting) -> OwnKey:
    pair = new_pair("mine")
    rental, running = renting.running(ssh_public_key=pair.public_line)
    with_wrong_host_key = running | {"known_hosts": _another_host_key(running)}
    facts = OwnKey(
        pair=pair,
        answered_key=rental.private_key,
        running=running,
        said=ssh.run(running, pair.private_pem, "echo ok"),
        refused=[
            _refusal(running, new_pair("somebody").private_pem),
            _refusal(with_wrong_host_key, pair.private_pem),
        ],
        installed=provider.machine_of(renting.live, rental)["keys"],
    )
    rental.end()
    return facts


def _another_host_key(session: Row) -> str:
    name, _, _ = session["known_hosts"].split(" ")
    return f"{name} {new_pair('x').public_line.rsplit(' ', 1)[0]}"


def _refusal(session: Row, private_key: str) -> type[Exception]:
    with pytest.raises(paramiko.SSHException) as refused:
        ssh.run(session, private_key, "echo ok")
    return refused.type


@dataclass(frozen=True)
class Extensions:
    """Many extensions of one session at the same moment."""

    statuses: list[int]
    session: Row


def twenty_extensions(renting: Renting) -> Extensions:
    rental, _ = renting.running()
    path, body = f"{rental.path}/extend", {"additional_hours": 2}

    def extend(_: int) -> int:
        return another(renting.live.operator).send("POST", path, json=body).status_code

    facts = Extensions(together(20, extend), rental.now())
    rental.end()
    return facts


@told_by(main_job)
def test_a_post_answers_at_once_and_the_session_becomes_running(told: MainJob) -> None:
    """N-14, QA-C5."""
    assert told.created["status"] in {"pending", "provisioning"}
    assert told.running["id"] == told.created["id"]
    assert told.running["ready_at"] > told.created["created_at"]


@told_by(main_job)
def test_the_returned_key_logs_in_with_the_host_key_pinned(told: MainJob) -> None:
    """N-35, M-33."""
    assert "NVIDIA-SMI" in told.said
    host_key = told.running["known_hosts"].split(" ", 1)[1]
    assert told.machine["host_key"].startswith(host_key)
    assert told.running["host_key_source"] == "injected"


@told_by(main_job)
def test_an_extension_moves_the_end_and_nothing_else(told: MainJob) -> None:
    """M-7."""
    before = datetime.fromisoformat(told.created["expires_at"])
    after = datetime.fromisoformat(told.extended["new_expires_at"])
    assert after - before == timedelta(hours=2)
    assert told.stopped["reservation_hours"] == 3
    assert told.stopped["hard_max_at"] == told.created["hard_max_at"]


@told_by(twenty_extensions)
def test_extensions_at_once_never_pass_the_hard_maximum(told: Extensions) -> None:
    """M-7."""
    granted = told.statuses.count(200)
    assert told.session["reservation_hours"] == 1 + 2 * granted <= 12
    assert granted >= 1
    assert set(told.statuses) <= {200, 400, 409}


@told_by(main_job)
def test_done_is_answered_at_once_and_ends_in_proof(told: MainJob) -> None:
    """M-63."""
    assert told.done["status"] == "stopping"
    assert told.stopped["end_reason"] == "user_requested"
    assert not told.truth["alive"]
    assert told.stopped["stopped_at"] >= told.truth["ended"]
    assert "stopped_at" not in told.running


@told_by(main_job)
def test_the_cost_is_price_times_seconds_to_the_second(told: MainJob) -> None:
    attempt = told.stopped["attempts"][0]
    ended, began = (datetime.fromisoformat(attempt[at]) for at in ("ended_at", "launched_at"))
    per_second = told.truth["price_per_hour"] / 3600
    exact = per_second * (ended - began).total_seconds()
    assert told.stopped["cost_usd"] > 0
    assert exact - 1e-6 <= told.stopped["cost_usd"] <= exact + 2 * per_second
    assert told.stopped["cost_usd"] >= told.truth["billed_usd"]


@told_by(own_key)
def test_a_callers_own_key_logs_in_and_no_private_key_is_answered(told: OwnKey) -> None:
    """N-13."""
    assert told.answered_key is None
    assert told.running["ssh_key_source"] == "client"
    assert told.said.strip() == "ok"


@told_by(own_key)
def test_another_key_and_another_host_key_are_both_refused(told: OwnKey) -> None:
    """N-35."""
    assert told.refused == [paramiko.AuthenticationException, paramiko.BadHostKeyException]


@told_by(own_key)
def test_the_probe_logs_in_with_a_key_of_its_own(told: OwnKey) -> None:
    """N-37, X-29."""
    bodies = {line.split(" ")[1] for line in told.installed}
    assert len(bodies) == 2
    assert told.pair.public_line.split(" ")[1] in bodies
