"""The commands that bring a host key; they are run by a real shell, in a folder."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from gpu_shopper.core.instances import HostKey
from gpu_shopper.providers.host_keys import CONFIG, install
from gpu_shopper.providers.redaction import redacted
from gpu_shopper.ssh.keys import new_pair
from simulator.ssh.injected import injected_host_key

SHELL = shutil.which("sh") or "/bin/sh"
KEYGEN = shutil.which("ssh-keygen") or ""
PAIR = new_pair("host")
KEY = HostKey(public=PAIR.public_line.removesuffix(" host"), private_pem=PAIR.private_pem)
OWN = "HostKey /etc/ssh/ssh_host_ed25519_key"


def carried_out(folder: Path, times: int = 1) -> Path:
    """The folder after the commands; the last one, which tells the server, is left out."""
    for _ in range(times):
        for command in install(KEY)[:-1]:
            inside = command.replace("/etc/ssh", str(folder))
            subprocess.run([SHELL, "-c", inside], check=True)
    return folder / "ssh_host_ed25519_key"


@pytest.mark.parametrize("times", [1, 2])
def test_the_key_is_written_for_nobody_else_to_read(tmp_path: Path, times: int) -> None:
    """N-35: also over the machine's own, and a second run changes nothing."""
    (tmp_path / "ssh_host_ed25519_key").write_text("the machine's own")
    file = carried_out(tmp_path, times)
    assert file.read_text() == KEY.private_pem
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.with_suffix(".pub").read_text() == KEY.public + "\n"


@pytest.mark.skipif(not KEYGEN, reason="no OpenSSH here")
def test_openssh_reads_the_key_as_the_one_that_is_pinned(tmp_path: Path) -> None:
    file = carried_out(tmp_path)
    shown = subprocess.run(
        [KEYGEN, "-y", "-f", str(file)], check=True, capture_output=True, text=True
    ).stdout
    assert shown.split()[:2] == KEY.public.split()


@pytest.mark.parametrize(
    ("config", "first_line"),
    [
        ("Port 22\n", "Port 22"),
        ("#HostKey /etc/ssh/ssh_host_rsa_key\n", "#HostKey /etc/ssh/ssh_host_rsa_key"),
        ("HostKey /etc/ssh/ssh_host_rsa_key\n", OWN),
        (f"Port 22\n{OWN}\n", "Port 22"),
    ],
)
def test_a_server_that_names_its_keys_is_told_of_this_one_once(
    tmp_path: Path, config: str, first_line: str
) -> None:
    file = tmp_path / Path(CONFIG).name
    file.write_text(config.replace("/etc/ssh", str(tmp_path)))
    carried_out(tmp_path, times=2)
    lines = file.read_text().replace(str(tmp_path), "/etc/ssh").splitlines()
    assert lines[0] == first_line
    assert lines.count(OWN) <= 1


def test_the_server_reads_the_key_anew_and_a_failure_ends_nothing() -> None:
    assert re.fullmatch(r"pkill -HUP -o -x sshd \|\| .* \|\| true", install(KEY)[-1])
    for command in install(KEY):
        subprocess.run([SHELL, "-n", "-c", command], check=True)  # parsed, not run


def test_the_simulator_finds_the_key_in_the_commands() -> None:
    """N-35: what the end-to-end tests rest on."""
    found = injected_host_key("\n".join(install(KEY)))
    assert found is not None
    assert found.export_public_key().decode().split()[:2] == KEY.public.split()


@pytest.mark.parametrize("kept", [1.0, 0.9, 0.5])
def test_no_part_of_a_private_key_survives_in_an_error_text(kept: float) -> None:
    """N-38, QA-M8: as sent or as PEM, whole or cut off."""
    sent = "\n".join(install(KEY))
    for text in (sent, KEY.private_pem):
        clean = redacted("bad request: " + text[: int(len(text) * kept)], [])
        assert clean.startswith("bad request: ")
        assert "PRIVATE" not in clean
        assert not re.search(r"[A-Za-z0-9+/]{40,}", clean)


def test_a_key_shows_its_public_part_only() -> None:
    assert "PRIVATE" not in repr(KEY)
