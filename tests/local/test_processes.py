"""Daemons are ended by id, and only if the id still means the process that was started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.network import wait_until
from local.processes import Daemon, Record, is_alive, start_time

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT_OF_A_SLEEPER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    each = Daemon("sleeper", tmp_path)
    yield each
    each.kill()


def _recorded_pid(daemon: Daemon) -> int:
    pid: int = json.loads((daemon.workdir / "sleeper.pid.json").read_text())["pid"]
    return pid


def test_a_started_daemon_runs_until_it_is_stopped(daemon: Daemon) -> None:
    assert not daemon.is_running()
    daemon.start(SLEEPER, os.environ)
    pid = _recorded_pid(daemon)
    assert daemon.is_running()
    daemon.stop()
    assert not daemon.is_running()
    assert start_time(pid) is None


def test_a_daemon_is_stopped_by_a_command_that_did_not_start_it(daemon: Daemon) -> None:
    daemon.start(SLEEPER, os.environ)
    other = Daemon("sleeper", daemon.workdir)
    assert other.is_running()
    other.stop()
    assert not daemon.is_running()


def test_the_children_of_a_daemon_end_with_it(daemon: Daemon) -> None:
    daemon.start([sys.executable, "-c", PARENT_OF_A_SLEEPER], os.environ)
    assert wait_until(lambda: daemon.log.read_text().strip().isdigit(), 5)
    child = int(daemon.log.read_text())
    assert start_time(child) is not None
    daemon.stop()
    assert wait_until(lambda: start_time(child) is None, 5)


def test_a_daemon_that_ignores_the_request_is_killed(daemon: Daemon) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    daemon.start([sys.executable, "-c", f"{deaf}; time.sleep(60)"], os.environ)
    assert wait_until(lambda: daemon.log.read_text() != "", 5)
    daemon.stop(within_s=0.2)
    assert not daemon.is_running()


def test_a_pid_that_belongs_to_another_process_now_is_left_alone(daemon: Daemon) -> None:
    stranger = subprocess.Popen(SLEEPER)
    try:
        stale = {"pid": stranger.pid, "started": "long ago"}
        (daemon.workdir / "sleeper.pid.json").write_text(json.dumps(stale))
        assert not daemon.is_running()
        daemon.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": 1}', '{"other": 1}'])
def test_an_unreadable_record_counts_as_not_running(daemon: Daemon, record: str) -> None:
    (daemon.workdir / "sleeper.pid.json").write_text(record)
    assert not daemon.is_running()
    daemon.stop()


def test_a_child_that_ended_but_was_not_waited_for_is_not_alive() -> None:
    child = subprocess.Popen(SLEEPER)
    record = Record(child.pid, start_time(child.pid) or "")
    assert is_alive(record)
    child.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not is_alive(record), 5)
