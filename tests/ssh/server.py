"""An SSH server for tests, which takes one key and answers commands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import asyncssh

from gpu_shopper.core.instances import SshAddress
from gpu_shopper.ssh.probe import COMMAND


class Server:
    """An SSH server on a free loopback port, in a thread of its own."""

    def __init__(
        self,
        accepted: str,
        answer: str = "ok\n",
        status: int = 0,
        *,
        answers: Mapping[str, tuple[str, int]] | None = None,
        others_hang: bool = False,
    ) -> None:
        self._accepted = accepted
        self._answers = answers or {COMMAND: (answer, status)}
        self._others_hang = others_hang
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")

    def __enter__(self) -> SshAddress:
        self._thread.start()
        future = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._server = future.result(5)
        return SshAddress("127.0.0.1", self._server.get_port(), "root")

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            server_factory=self._door,
            authorized_client_keys=asyncssh.import_authorized_keys(self._accepted),
            process_factory=self._run,
        )

    def _door(self) -> asyncssh.SSHServer:
        return asyncssh.SSHServer()

    def _run(self, process: asyncssh.SSHServerProcess[str]) -> None:
        if self._others_hang and process.command not in self._answers:
            return
        answer, status = self._answers.get(str(process.command), ("", 127))
        process.stdout.write(answer)
        process.exit(status)

    @property
    def public(self) -> str:
        return " ".join(self.host_key.export_public_key().decode().split()[:2])
