"""Processes that outlive the command that started them, and are ended by id, never by name.

A daemon leads a session of its own, so its children (the emulator's function workers) form one
group with it. Its record holds the pid and the start time: a pid that was given to another
process in the meantime is never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_S = 0.02


class DaemonFailed(Exception):
    """A daemon did not start; the message has the end of its log."""


@dataclass(frozen=True)
class Record:
    """What identifies one process on this machine until the next boot."""

    pid: int
    started: str


class Daemon:
    """One background process with a record and a log in `workdir`."""

    def __init__(self, name: str, workdir: Path) -> None:
        self.name = name
        self.workdir = workdir.resolve()
        self.log = self.workdir / f"{name}.log"
        self._record_file = self.workdir / f"{name}.pid.json"

    def start(self, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        """Start `command` in its own session; its output is added to the log."""
        self.workdir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=dict(env),
                cwd=self.workdir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = start_time(process.pid) or ""
        self._record_file.write_text(json.dumps(asdict(Record(process.pid, started))))

    def is_running(self) -> bool:
        """Whether the recorded process, and not a later one with its pid, is alive."""
        record = self._record()
        return record is not None and bool(record.started) and is_alive(record)

    def stop(self, *, within_s: float = 15.0) -> None:
        """Ask the process to end, then end what is left of its group. Silent if there is none."""
        self._end(signal.SIGTERM, within_s)

    def kill(self) -> None:
        """End the whole group at once, as a crash would."""
        self._end(signal.SIGKILL, 5.0)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for error messages."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, sig: signal.Signals, within_s: float) -> None:
        record = self._record()
        if record is not None and self.is_running():
            os.kill(record.pid, sig)
            _wait_for_end(record, within_s)
            _kill_group(record.pid)
            _wait_for_end(record, within_s)
        self._record_file.unlink(missing_ok=True)

    def _record(self) -> Record | None:
        try:
            return Record(**json.loads(self._record_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def start_time(pid: int) -> str | None:
    """When the process started, in the system's own words; None if it does not run."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _start_time_by_ps(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def is_alive(record: Record) -> bool:
    """Whether exactly this process runs; a child of ours that ended is reaped on the way."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)
    return start_time(record.pid) == record.started


def _start_time_by_ps(pid: int) -> str | None:
    asked = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _wait_for_end(record: Record, within_s: float) -> None:
    until = time.monotonic() + within_s
    while is_alive(record) and time.monotonic() < until:
        time.sleep(_POLL_S)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
