"""The processes in which the emulator runs a function, to be killed as AWS may end them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from local import stack
from tests.e2e.deployed import Deployed

PROCESSES = Path("/proc")


def workers(live: Deployed, logical_id: str) -> list[int]:
    """The ids of all processes of this world that run the function, busy or waiting."""
    if not PROCESSES.exists():
        pytest.skip("processes are found by /proc")
    name = stack.physical_ids(live.endpoints.emulator_url)[logical_id]
    wanted = {
        f"AWS_LAMBDA_FUNCTION_NAME={name}",
        f"AWS_ENDPOINT_URL={live.endpoints.emulator_url}",
    }
    return [pid for pid in _processes() if wanted <= _environment(pid)]


def kill(pid: int) -> None:
    """End one of them without warning."""
    os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(one.name) for one in PROCESSES.iterdir() if one.name.isdigit()]


def _environment(pid: int) -> set[str]:
    try:
        content = (PROCESSES / str(pid) / "environ").read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return set()
    return set(content.decode(errors="replace").split("\0"))
