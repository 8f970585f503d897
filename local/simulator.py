"""The provider simulator as a background process."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from local import paths
from local.network import wait_until
from local.processes import Daemon, DaemonFailed

_START_WITHIN_S = 20.0


class Simulator:
    """One simulator; its state lives in its process and ends with it."""

    def __init__(self, workdir: Path) -> None:
        self.daemon = Daemon("simulator", workdir)

    @property
    def url(self) -> str:
        """Base address, with Vast.ai at its root. Raises DaemonFailed."""
        url = _announced_url(self.daemon.log)
        if url is None:
            raise DaemonFailed(f"the simulator named no address:\n{self.daemon.log_tail()}")
        return url

    def start(
        self,
        *,
        offers: int = 60,
        seed: int = 1,
        vastai_key: str | None = None,
        tensordock_token: str | None = None,
    ) -> None:
        """Start on a free loopback port and return when it listens; without a key any will do.

        Raises: DaemonFailed.
        """
        command = [sys.executable, "-m", "simulator", "--port", "0"]
        command += ["--offers", str(offers), "--seed", str(seed)]
        command += ["--vastai-key", vastai_key] if vastai_key else []
        command += ["--tensordock-token", tensordock_token] if tensordock_token else []
        environment = os.environ | {"PYTHONPATH": str(paths.ROOT), "PYTHONUNBUFFERED": "1"}
        self.daemon.log.unlink(missing_ok=True)
        self.daemon.start(command, environment)
        log = self.daemon.log
        wait_until(
            lambda: _announced_url(log) is not None or not self.is_running(), _START_WITHIN_S
        )
        _ = self.url

    def stop(self) -> None:
        """End it and every machine it plays."""
        self.daemon.stop()

    def is_running(self) -> bool:
        """Whether this simulator's process is alive."""
        return self.daemon.is_running()


def _announced_url(log: Path) -> str | None:
    """The `url` of the first JSON line the simulator printed; None before it listens."""
    if not log.exists():
        return None
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            url: str = json.loads(line)["url"]
            return url
    return None
