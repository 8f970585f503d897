"""Commands that give a new machine the SSH host key we made for it, so that it can be pinned.

The machine must have an OpenSSH server; it keeps its keys of other types, which nobody who pinned
ours is offered. Every command is harmless when it is run again, as at a restart of a container.
"""

from __future__ import annotations

import base64
import shlex

from gpu_shopper.core.instances import HostKey

FILE = "/etc/ssh/ssh_host_ed25519_key"
CONFIG = "/etc/ssh/sshd_config"


def install(key: HostKey) -> list[str]:
    """Write the key where the server looks for it, and let a server that runs read it anew."""
    private = base64.b64encode(key.private_pem.encode()).decode()
    return [
        "mkdir -p /etc/ssh",
        f"(umask 077; echo {private} | base64 -d > {FILE})",
        f"chmod 600 {FILE}",
        f"echo {shlex.quote(key.public)} > {FILE}.pub",
        _named_in_config(),
        "pkill -HUP -o -x sshd || service ssh restart >/dev/null 2>&1 || true",
    ]


def _named_in_config() -> str:
    """A configuration that names its host keys must name this one; most name none."""
    names_some = f"grep -qis '^ *HostKey ' {CONFIG}"
    names_ours = f"grep -qis '^ *HostKey  *{FILE} *$' {CONFIG}"
    return f"if {names_some} && ! {names_ours}; then sed -i '1i HostKey {FILE}' {CONFIG}; fi"
