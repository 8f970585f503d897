"""A session with an agent: its start-up command, run here as its machine would, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted
from tests.e2e.deployed import wait_for
from tests.e2e.renting import Rental, Renting, Row, provider_id, wish
from tests.e2e.stories import told_by

REDACTED = "[redacted]"
REPORTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 90.0


@dataclass(frozen=True)
class Watched:
    """What became of a session whose agent ran, and then told of idle GPUs."""

    journal: str
    token: str
    reporting: Row
    local_status: Row
    refusals: dict[str, tuple[int, str]]
    accepted: Row
    stopped: Row
    told: list[Row]
    counted: float
    after: int


def rented(renting: Renting, **more: object) -> tuple[Rental, str]:
    """A session with an agent, and its token."""
    caller = renting.consumer()
    answer = caller.post("/api/v1/sessions", wish(renting.offer(), agent=True, **more))
    return renting.follow(caller, answer["session"]), answer["agent_token"]


def another_token(renting: Renting) -> str:
    """The token of a session that rents nothing and stays live for a moment only."""
    caller, offer = renting.consumer(), renting.offer()
    with provider.broken(renting.live, "no_such_ask", match={"offer_id": provider_id(offer["id"])}):
        answer = caller.post("/api/v1/sessions", wish(offer, agent=True))
        renting.follow(caller, answer["session"]).until("failed")
    return str(answer["agent_token"])


@contextmanager
def agent_of(start_up: str, token: str) -> Iterator[int]:
    """Runs the agent that these start-up commands install; the port of its local API."""
    (line,) = [one for one in start_up.splitlines() if "SHOPPER_AGENT_TOKEN" in one]
    with socket.socket() as free, TemporaryDirectory() as tools:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        for name, says in (("nvidia-smi", "0, 512"), ("shutdown", ""), ("poweroff", "")):
            tool = Path(tools) / name
            tool.write_text(f"#!/bin/sh\necho '{says}'\n")
            tool.chmod(0o700)
        env = {"PATH": f"{tools}:/usr/bin:/bin", "SHOPPER_AGENT_PORT": str(port)}
        script = line.replace(REDACTED, token) + "\nwait"
        shell = subprocess.Popen(["/bin/sh", "-c", script], env=env, start_new_session=True)
        try:
            yield port
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


def watched(renting: Renting) -> Watched:
    rental, token = rented(renting, idle_threshold_minutes=1)
    heartbeat, foreign = f"{rental.path}/heartbeat", another_token(renting)
    running = rental.until("running")
    start_up = provider.machine_of(renting.live, rental)["request"]["onstart"]
    with agent_of(start_up, token) as port:
        reporting = wait_for(lambda: _reporting(rental), REPORTS_WITHIN_S)
        local = requests.get(f"http://127.0.0.1:{port}/status", timeout=5).json()
    callers = {
        "nobody": renting.live.anonymous,
        "another session": renting.live.caller(foreign),
        "an API key": rental.caller,
        "an operator": renting.live.operator,
    }
    answers = {who: one.send("POST", heartbeat, json={}) for who, one in callers.items()}
    machine = renting.live.caller(token)
    accepted = machine.post(heartbeat, {"session_id": running["id"]})

    def ended() -> Row | None:
        machine.send("POST", heartbeat, json={"idle_seconds": 61})
        session = rental.now()
        return session if session["status"] == "stopped" else None

    stopped = wait_for(ended, ENDS_WITHIN_S)
    return Watched(
        journal=start_up,
        token=token,
        reporting=reporting,
        local_status=local,
        refusals={who: (one.status_code, one.json()["error"]) for who, one in answers.items()},
        accepted=accepted,
        stopped=stopped,
        told=audit(renting.live, rental.id, "idle_shutdown"),
        counted=counted(renting.live, "IdleShutdowns", rental.id),
        after=machine.send("POST", heartbeat, json={}).status_code,
    )


def _reporting(rental: Rental) -> Row | None:
    session = rental.now()
    return session if session.get("agent_status") == "reporting" else None


@told_by(watched, long=True)
def test_the_agent_that_a_machine_is_given_reports_to_us(told: Watched) -> None:
    """X-17: its start-up command, run by a shell, finds us by the address in it."""
    assert told.reporting["memory_used_mb"] == 512
    assert told.reporting["gpu_util_pct"] == 0
    assert told.local_status["session_id"] == told.reporting["id"]
    assert told.token not in str(told.local_status)


@told_by(watched, long=True)
def test_only_the_token_of_a_session_sends_its_heartbeats(told: Watched) -> None:
    """E2E-1, X-25."""
    assert set(told.refusals.values()) == {(401, "a valid agent token of this session is required")}
    assert told.accepted["status"] == "ok"
    assert told.accepted["next_heartbeat_seconds"] == 30
    assert told.after == 401


@told_by(watched, long=True)
def test_a_machine_that_idles_for_longer_than_allowed_is_ended(told: Watched) -> None:
    """N-63, X-17."""
    assert told.stopped["end_reason"] == "idle"
    assert told.stopped["idle_seconds"] == 61
    assert len(told.told) == 1
    assert told.counted == 1


@told_by(watched, long=True)
def test_the_provider_s_journal_holds_no_token(told: Watched) -> None:
    assert f"SHOPPER_AGENT_TOKEN={REDACTED}" in told.journal
    assert told.token not in told.journal
