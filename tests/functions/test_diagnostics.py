"""GET /sessions/{id}/diagnostics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.core.diagnostics import Check
from gpu_shopper.core.polling import SshResult
from gpu_shopper.edge.answers.diagnostics import spoken
from gpu_shopper.usecases.checking import check
from tests.fakes import FakeProbe
from tests.functions.calls import OPERATOR, OTHER, Client
from tests.functions.rentals import PATH, post
from tests.usecases.story import running
from tests.world import World

ANSWERS: dict[Check, str | None] = {
    Check.GPUS: "NVIDIA A100, 0, 81920, [N/A], 35, [N/A]",
    Check.DISK: "overlay 50G 46G 4G 91% /\n/dev/sdb 9G 1G 8G 11% /data",
    Check.CUDA: "Driver Version: 570.153.02 CUDA Version: 12.8",
    Check.OOM: "[Thu Feb  6 12:34:56 2026] Killed process 7 (python3)",
}


def path(session_id: str) -> str:
    return f"{PATH}/{session_id}/diagnostics"


def test_a_session_that_does_not_run_has_none(sessions: Client) -> None:
    """M-35."""
    session_id = post(sessions).json["session"]["id"]
    reply = sessions("GET", path(session_id))
    assert (reply.status, reply.json["error_type"]) == (409, "invalid_state")
    assert (reply.json["status"], reply.json["allowed_events"]) == ("pending", ["request_stop"])


def test_another_s_session_is_not_there(sessions: Client, wired: World) -> None:
    """M-35, M-1: an operator sees it."""
    session_id = running(wired)
    assert sessions("GET", path(session_id), caller=OTHER).status == 404
    assert sessions("GET", path(session_id), caller=OPERATOR).status == 200


def test_the_last_check_is_shown_whole(sessions: Client, wired: World) -> None:
    """M-35, 1.4."""
    session_id = running(wired)
    check(wired.deps, FakeProbe(answers=ANSWERS), session_id, 1)
    wired.clock.tick(5_430)
    session = sessions("GET", f"{PATH}/{session_id}").json
    shown = sessions("GET", path(session_id)).json
    host_key = {
        "fingerprint": session["ssh_host_key_fingerprint"],
        "source": "injected",
        "changed": False,
    }
    assert shown.pop("host_key") == host_key
    assert "this request" in shown.pop("note")
    assert shown == {
        "session_id": session_id,
        "status": "running",
        "provider": "vastai",
        "gpu_type": "RTX 4090",
        "gpu_count": 1,
        "ssh_host": "203.0.113.7",
        "ssh_port": 30022,
        "ssh_user": "root",
        "launch_mode": "ssh",
        "created_at": session["created_at"],
        "expires_at": session["expires_at"],
        "uptime": "1h 30m",
        "uptime_seconds": 5_430,
        "time_to_expiry": "29m",
        "ssh_available": True,
        "checked_at": session["ready_at"],
        "gpus": [
            {
                "name": "NVIDIA A100",
                "memory_used_mb": 0,
                "memory_total_mb": 81_920,
                "utilization_pct": None,
                "temperature_c": 35,
                "power_w": None,
                "healthy": True,
            }
        ],
        "cuda_version": 12.8,
        "driver_version": "570.153.02",
        "disk": {
            "available_gb": 4,
            "mounts": [
                {"path": "/", "size_gb": 50, "used_pct": 91},
                {"path": "/data", "size_gb": 9, "used_pct": 11},
            ],
            "low": True,
        },
        "oom": {"detected": True, "processes": ["python3"], "last_at": "2026-02-06T12:34:56.000Z"},
    }


def test_what_a_failed_check_does_not_know_is_not_there(sessions: Client, wired: World) -> None:
    """1.4: and the request itself asks the machine nothing."""
    session_id = running(wired)
    probe = FakeProbe([SshResult.TIMEOUT])
    check(wired.deps, probe, session_id, 1)
    wired.clock.tick(8_000)
    shown = sessions("GET", path(session_id)).json
    assert (shown["ssh_available"], shown["gpus"]) == (False, [])
    assert not {"cuda_version", "driver_version", "disk", "oom"} & set(shown)
    assert shown["time_to_expiry"] == "expired"
    assert probe.tries == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0m"),
        (59, "0m"),
        (60, "1m"),
        (1_800, "30m"),
        (3_599, "59m"),
        (3_600, "1h 0m"),
        (5_400, "1h 30m"),
        (90_000, "25h 0m"),
    ],
)
def test_lengths_are_spoken_in_hours_and_minutes(seconds: int, text: str) -> None:
    """1.4."""
    assert spoken(timedelta(seconds=seconds)) == text
