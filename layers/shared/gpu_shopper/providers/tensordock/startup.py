"""What a new machine is told to do by cloud-init: `runcmd` only, in one documented order.

TensorDock was seen to ignore `write_files` and `ssh_authorized_keys`, so the keys are written by
commands. Every command is harmless when it is run again.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpu_shopper.core.instances import HostKey
from gpu_shopper.providers.host_keys import install

LOCK_TIMEOUT_S = 120
"""How long each apt call waits for the package manager's lock."""
LOCK_WAIT_S = 300
LOCK_LOOK_S = 5
DRIVER = "nvidia-driver-550"
LOG = "/var/log/cloud-init-nvidia.log"
AGENT_FILE = "/var/lib/cloud/scripts/per-boot/gpu-shopper-agent"
"""What is there is run by cloud-init at every boot; at the first one it looks there before us."""

_LOCKS = "/var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock"
_APT = f"DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout={LOCK_TIMEOUT_S}"


def commands(
    key_lines: Iterable[str],
    start_up: str | None,
    host_key: HostKey | None = None,
    agent_cmd: str | None = None,
) -> list[str]:
    """All of it: keys, host key, package manager, driver, agent, and the session's own command."""
    lines = list(key_lines)
    return [
        *_authorised("/root", "root", lines),
        "id -u user >/dev/null 2>&1 || useradd -m -s /bin/bash user",
        *_authorised("/home/user", "user", lines),
        *(install(host_key) if host_key else []),
        "systemctl stop unattended-upgrades || true",
        "pkill -KILL -f unattended-upgrade || true",
        _wait_for_lock(),
        "DEBIAN_FRONTEND=noninteractive dpkg --configure -a || true",
        _driver(),
        *(_at_each_boot(agent_cmd) if agent_cmd else []),
        *([start_up] if start_up else []),
    ]


def _at_each_boot(agent_cmd: str) -> list[str]:
    """Start the agent now, and when the machine is restarted: one that falls silent is ended."""
    script = f"printf '%s\\n' '#!/bin/sh' {_quoted(agent_cmd)} > {AGENT_FILE}"
    return [
        f"mkdir -p {AGENT_FILE.rpartition('/')[0]}",
        f"(umask 077; {script})",
        f"chmod 700 {AGENT_FILE}",
        f"sh {AGENT_FILE}",
    ]


def _authorised(home: str, user: str, key_lines: list[str]) -> list[str]:
    folder = f"{home}/.ssh"
    keys = " ".join(map(_quoted, key_lines))
    return [
        f"mkdir -p {folder}",
        f"chmod 700 {folder}",
        f"printf '%s\\n' {keys} > {folder}/authorized_keys",
        f"chmod 600 {folder}/authorized_keys",
        f"chown -R {user}:{user} {folder}",
    ]


def _quoted(text: str) -> str:
    """`text` as one word of a shell; a single quote ends the quoting, is escaped, and begins it."""
    return "'" + text.replace("'", "'\\''") + "'"


def _wait_for_lock() -> str:
    busy = f"fuser {_LOCKS} >/dev/null 2>&1"
    return f"timeout {LOCK_WAIT_S} sh -c 'while {busy}; do sleep {LOCK_LOOK_S}; done' || true"


def _driver() -> str:
    """A driver package may be there, its module never built for this kernel: build it then."""
    version = (
        "dpkg-query -W -f='${db:Status-Status} ${source:Upstream-Version}\\n' 'nvidia-dkms-*' "
        "2>/dev/null | awk '/^(half-)?(installed|configured)|^unpacked|^triggers/ {print $2; exit}'"
    )
    build = 'dkms build -m nvidia -v "$v"; dkms install -m nvidia -v "$v"'
    install = f"{_APT} update; {_APT} install -y {DRIVER}"
    return (
        f"if ! nvidia-smi >/dev/null 2>&1; then v=$({version}); "
        f'if [ -n "$v" ]; then {build}; else {install}; fi; modprobe nvidia; '
        f"fi >>{LOG} 2>&1 || true"
    )
