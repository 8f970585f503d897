"""The program itself: where it listens, and what it says when it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulator import driver


def started_in_vain(*arguments: str) -> str:
    """What a simulator that cannot start writes as an error."""
    done = subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=3 * driver.START_S,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_a_taken_port_is_told_in_one_line() -> None:
    process, url = driver.start("--offers", "5")
    try:
        port = url.rpartition(":")[2]
        said = started_in_vain("--port", port)
    finally:
        assert driver.stop(process) == 0
    assert said == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use (--port 0 takes a free port)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--port", "70000"), "a port is a number from 0 to 65535"),
        (("--host", "192.0.2.1"), "Cannot assign requested address"),
    ],
)
def test_an_impossible_address_is_told_in_one_line(arguments: tuple[str, str], reason: str) -> None:
    said = started_in_vain(*arguments)
    assert reason in said
    assert said.count("\n") == 1
