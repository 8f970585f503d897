"""The agent, with fakes at its edges: no clock, no network, no nvidia-smi, no power switch."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent import gpu_shopper_agent as module
from agent.gpu_shopper_agent import Agent, Settings, instant

NOON = instant("2026-02-07T12:00:00.000Z")
TOKEN = "t" * 43
ENV = {
    "SHOPPER_SESSION_ID": "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a",
    "SHOPPER_AGENT_TOKEN": TOKEN,
    "SHOPPER_EXPIRES_AT": "2026-02-07T14:00:00.000Z",
    "SHOPPER_URL": "https://api.example/prod",
}
ROUND_S = module.SAMPLE_S


@dataclass
class Machine:
    """A machine of two GPUs; `gpus` is what nvidia-smi prints, None when it fails."""

    env: dict[str, str] = field(default_factory=lambda: dict(ENV))
    gpus: str | None = "0, 100\n4, 200\n"
    answer: Any = (200, b"{}")
    passed_s: float = 0.0
    sent: list[dict[str, Any]] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    offs: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent = Agent(
            Settings(self.env),
            lambda: NOON + self.passed_s,
            lambda: 1_000.0 + self.passed_s,
            self._post,
            self._sample,
            lambda: self.offs.append(self.passed_s),
        )

    def _post(self, body: str) -> Any:
        self.sent.append(json.loads(body))
        self.sent_at.append(self.passed_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def _sample(self) -> bytes:
        if self.gpus is None:
            raise FileNotFoundError("nvidia-smi")
        return self.gpus.encode()

    def run(self, seconds: float) -> None:
        """Rounds as `main` makes them, until so much time has passed."""
        until = self.passed_s + seconds
        while self.passed_s < until:
            self.agent.step()
            self.passed_s += ROUND_S


def test_the_first_heartbeat_is_sent_at_once_and_the_others_every_30_s() -> None:
    """2.12."""
    machine = Machine()
    machine.run(95)
    assert machine.sent_at == [0, 30, 60, 90]


def test_a_heartbeat_tells_mean_utilisation_memory_of_all_gpus_and_idle_time() -> None:
    """2.12."""
    machine = Machine()
    machine.run(35)
    assert machine.sent[-1] == {
        "session_id": ENV["SHOPPER_SESSION_ID"],
        "status": "running",
        "idle_seconds": 30,
        "gpu_util_pct": 2.0,
        "memory_used_mb": 300,
    }


@pytest.mark.parametrize(("busiest", "idle_s"), [("4", 60), ("4.9", 60), ("5", 0), ("97", 0)])
def test_the_busiest_gpu_counts_and_is_at_work_from_5_percent(busiest: str, idle_s: int) -> None:
    """N-63: all others may rest."""
    machine = Machine(gpus=f"0, 100\n{busiest}, 200\n")
    machine.run(65)
    assert machine.agent.idle_s == idle_s


def test_work_ends_the_idle_time_and_it_begins_again_at_0() -> None:
    """N-63."""
    machine = Machine()
    machine.run(65)
    machine.gpus = "0, 100\n50, 200\n"
    machine.run(ROUND_S)
    assert machine.agent.idle_s == 0
    machine.gpus = "0, 100\n0, 200\n"
    machine.run(2 * ROUND_S)
    assert machine.agent.idle_s == 2 * ROUND_S


@pytest.mark.parametrize("broken", [None, "", "\n", "[N/A], 100\n0, 200\n", "0\n0\n", "no devices"])
def test_a_failed_sample_is_unknown_and_idle_time_begins_at_0_with_the_next_good_one(
    broken: str | None,
) -> None:
    """N-63: a missing or failed reading is unknown, not idle."""
    machine = Machine()
    machine.run(65)
    machine.gpus = broken
    machine.run(30)
    told = machine.sent[-1]
    assert (told["idle_seconds"], told["gpu_util_pct"], told["memory_used_mb"]) == (None,) * 3
    machine.gpus = "0, 1\n"
    machine.run(ROUND_S)
    assert machine.agent.idle_s == 0


def test_the_end_of_the_reservation_that_comes_back_is_adopted() -> None:
    """2.12: extensions."""
    machine = Machine(answer=(200, b'{"expires_at": "2026-02-07T18:00:00.000Z"}'))
    machine.run(ROUND_S)
    assert machine.agent.expires_at == NOON + 6 * 3_600


@pytest.mark.parametrize("text", [b"", b"[]", b'{"expires_at": null}', b"<html>"])
def test_an_answer_without_it_changes_nothing_and_is_no_failure(text: bytes) -> None:
    machine = Machine(answer=(200, text))
    machine.run(35)
    assert machine.agent.expires_at == NOON + 2 * 3_600
    assert machine.agent.failures == 0


def test_the_end_in_an_answer_that_is_no_200_is_not_adopted() -> None:
    machine = Machine(answer=(401, b'{"expires_at": "2026-02-07T18:00:00.000Z"}'))
    machine.run(ROUND_S)
    assert machine.agent.expires_at == NOON + 2 * 3_600


@pytest.mark.parametrize("answer", [(500, b""), (401, b"{}"), (302, b""), TimeoutError("late")])
def test_60_failures_in_a_row_power_the_machine_off_and_59_do_not(answer: Any) -> None:
    """2.12: any non-200, and any time-out."""
    machine = Machine(answer=answer)
    machine.run(59 * 30)
    assert (len(machine.sent), machine.offs) == (59, [])
    machine.run(ROUND_S)
    assert machine.offs == [59 * 30]


def test_one_success_begins_the_row_of_failures_anew() -> None:
    machine = Machine(answer=(500, b""))
    machine.run(59 * 30)
    machine.answer = (200, b"{}")
    machine.run(30)
    machine.answer = (500, b"")
    machine.run(59 * 30)
    assert machine.offs == []


def test_the_machine_is_powered_off_30_minutes_after_its_reservation_and_not_before() -> None:
    """2.12: self-destruct."""
    machine = Machine(passed_s=2.5 * 3_600 - ROUND_S)
    machine.run(ROUND_S)
    assert machine.offs == []
    machine.run(ROUND_S)
    assert machine.offs == [2.5 * 3_600]


def test_one_that_starts_too_late_powers_off_at_once() -> None:
    """2.12: already past at start."""
    machine = Machine(passed_s=3 * 3_600)
    machine.run(ROUND_S)
    assert machine.offs == [3 * 3_600]


@pytest.mark.parametrize(("grace", "seconds"), [("45s", 45), ("10m", 600), ("2h", 7_200)])
def test_grace_failsafe_and_port_can_be_set(grace: str, seconds: int) -> None:
    more = {
        "SHOPPER_SELF_DESTRUCT_GRACE": grace,
        "SHOPPER_FAILSAFE_THRESHOLD": "3",
        "SHOPPER_AGENT_PORT": "9000",
    }
    settings = Settings(ENV | more)
    assert (settings.grace_s, settings.failsafe, settings.port) == (seconds, 3, 9_000)


@pytest.mark.parametrize("name", ENV)
def test_each_required_variable_is_missed_by_name(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        Settings({one: value for one, value in ENV.items() if one != name})


@pytest.mark.parametrize(
    "change",
    [
        {"SHOPPER_URL": "http://api.example/prod"},
        {"SHOPPER_URL": "http://127.0.0.1.example/prod"},
        {"SHOPPER_FAILSAFE_THRESHOLD": "0"},
        {"SHOPPER_EXPIRES_AT": "tomorrow"},
    ],
)
def test_plain_http_to_others_and_nonsense_are_refused(change: dict[str, str]) -> None:
    """2.12: https; the token is not sent in the clear."""
    with pytest.raises(ValueError, match=r"^(?!.*ttt)"):
        Settings(ENV | change)


@pytest.mark.parametrize("url", ["https://api.example/prod", "http://127.0.0.1:4566/x"])
def test_https_and_a_local_run_are_taken(url: str) -> None:
    assert Settings(ENV | {"SHOPPER_URL": url}).url.geturl() == url


def test_health_and_status_tell_what_the_contract_lists_and_no_token() -> None:
    """2.12."""
    machine = Machine()
    machine.run(65)
    health, status = machine.agent.page("/health"), machine.agent.page("/status")
    assert health == {
        "status": "ok",
        "session_id": ENV["SHOPPER_SESSION_ID"],
        "uptime": 65,
        "timestamp": "2026-02-07T12:01:05Z",
    }
    assert status == health | {
        "idle_seconds": 60,
        "gpu_utilization_pct": 2.0,
        "memory_used_mb": 300,
        "shopper_reachable": True,
        "heartbeat_failures": 0,
    }
    assert TOKEN not in str(status)
    assert machine.agent.page("/") is None


@pytest.mark.parametrize(("failures", "reachable"), [(2, True), (3, False)])
def test_the_control_plane_is_unreachable_from_the_third_failure(
    failures: int, reachable: bool
) -> None:
    machine = Machine(answer=(500, b""))
    machine.run(failures * 30)
    assert machine.agent.page("/status")["shopper_reachable"] is reachable


def refuses(_command: list[str], **_: Any) -> int:
    return 1


def lacks(command: list[str], **_: Any) -> int:
    raise FileNotFoundError(command[0])


@pytest.mark.parametrize("call", [refuses, lacks])
def test_shutdown_is_tried_then_poweroff_then_the_agent_ends(
    monkeypatch: pytest.MonkeyPatch, call: Callable[..., int]
) -> None:
    """2.12."""
    tried: list[str] = []
    ended: list[int] = []

    def noted(command: list[str], **more: Any) -> int:
        tried.append(" ".join(command))
        return call(command, **more)

    monkeypatch.setattr(subprocess, "call", noted)
    monkeypatch.setattr(os, "_exit", ended.append)
    module.power_off()
    assert (tried, ended) == (["shutdown -h now", "poweroff"], [1])


def test_one_command_that_works_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def works(command: list[str], **_: Any) -> int:
        tried.append(command[0])
        return 0

    monkeypatch.setattr(subprocess, "call", works)
    monkeypatch.setattr(os, "_exit", lambda _: None)
    module.power_off()
    assert tried == ["shutdown"]
