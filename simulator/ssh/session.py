"""One SSH session: a single command, or a simple prompt."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh

from simulator.ssh.machine import MachineView
from simulator.ssh.shell import Shell, exit_code

_LONGEST_SLEEP_S = 3600.0


async def serve(
    process: asyncssh.SSHServerProcess[str], view: MachineView, mode: dict[str, Any]
) -> None:
    """Answer the command of a session, or a prompt until `exit` or the end of input."""
    shell = Shell(view, mode["mode"], process.get_extra_info("username"))
    if process.command is not None:
        process.exit(await _run(process, shell, process.command))
        return
    process.stdout.write(f"Welcome to {view.hostname}. {view.hardware.gpu_name}\n")
    process.exit(await _prompt(process, shell, view))


async def _prompt(process: asyncssh.SSHServerProcess[str], shell: Shell, view: MachineView) -> int:
    code = 0
    while not process.stdin.at_eof():
        process.stdout.write(f"{shell.user}@{view.hostname}:~# ")
        try:
            line = await process.stdin.readline()
        except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
            continue
        if line.split()[:1] in (["exit"], ["logout"]):
            return exit_code(line.split(), code)
        if line.strip():
            code = await _run(process, shell, line.strip())
    return code


async def _run(process: asyncssh.SSHServerProcess[str], shell: Shell, command: str) -> int:
    result = shell.run(command)
    if result.wait_s:
        await asyncio.sleep(min(result.wait_s, _LONGEST_SLEEP_S))
    process.stdout.write(result.out)
    process.stderr.write(result.err)
    return result.code
