"""The local AWS: ministack in its own environment, on loopback, with its state in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from local import paths
from local.network import LOOPBACK, answers, free_port, wait_until
from local.processes import Daemon, DaemonFailed

REGION = "us-east-1"
_START_WITHIN_S = 30.0
# Settings of the caller's shell must not reach the emulator: it would talk to another AWS.
_FOREIGN = ("AWS_", "LOCALSTACK_", "MINISTACK_", "PYTHON", "VIRTUAL_ENV")


class Emulator:
    """One emulator; `workdir` identifies it, also for another process that wants to stop it."""

    def __init__(self, workdir: Path, *, roles_enforced: bool = True) -> None:
        self.workdir = workdir.resolve()
        self.daemon = Daemon("emulator", workdir)
        self._roles_enforced = roles_enforced
        self._port_file = self.workdir / "port"
        self._tmp = self.workdir / "tmp"

    @property
    def url(self) -> str:
        """Base address; the same after `restart`."""
        return f"http://{LOOPBACK}:{self._port_file.read_text()}"

    def start(self) -> None:
        """Start with nothing in it, and return when it is healthy. Raises DaemonFailed."""
        self._empty_tmp()
        shutil.rmtree(self.workdir, ignore_errors=True)
        self.workdir.mkdir(parents=True)
        self._port_file.write_text(str(free_port()))
        self._launch()

    def stop(self) -> None:
        """End it; what it holds is kept for `restart`."""
        self.daemon.stop()
        self._empty_tmp()

    def kill(self) -> None:
        """End it without warning: everything since its last start is lost."""
        self.daemon.kill()
        self._empty_tmp()

    def restart(self) -> None:
        """Stop and start on the same port with the same state; running executions become FAILED."""
        self.stop()
        self._launch()

    def is_running(self) -> bool:
        """Whether this emulator's process is alive."""
        return self.daemon.is_running()

    def _launch(self) -> None:
        self.daemon.start([paths.EMULATOR_PYTHON, "-m", "ministack"], self._environment())
        health = f"{self.url}/_ministack/health"
        if not wait_until(lambda: answers(health) or not self.is_running(), _START_WITHIN_S):
            self.daemon.kill()
        if not self.is_running():
            raise DaemonFailed(f"the emulator did not start:\n{self.daemon.log_tail()}")

    def _empty_tmp(self) -> None:
        """Every function worker leaves 80 MB in it: seconds to delete, so nobody waits for it."""
        if self._tmp.exists():
            trash = self._tmp.rename(self.workdir.with_name(f"trash-{secrets.token_hex(4)}"))
            subprocess.run(["/bin/sh", "-c", 'rm -rf "$1" &', "sh", str(trash)], check=True)

    def _environment(self) -> dict[str, str]:
        self._empty_tmp()
        self._tmp.mkdir(parents=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        return inherited | {
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": self._port_file.read_text(),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": str(self._roles_enforced).lower(),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.workdir / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.workdir / "s3"),
            "TMPDIR": str(self._tmp),
            "MINISTACK_REGION": REGION,
        }
