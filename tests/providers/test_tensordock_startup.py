"""What a TensorDock machine does first; the commands are run by a real shell, in a folder."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.instances import HostKey
from gpu_shopper.providers.host_keys import install
from gpu_shopper.providers.tensordock.startup import AGENT_FILE, commands
from tests.providers.contract import PUBLIC_KEY

SHELL = shutil.which("sh") or "/bin/sh"
APOSTROPHE = PUBLIC_KEY.replace("contract", 'it\'s $HOME `id` "x"')
ORDER = [
    r"mkdir -p /root/\.ssh",
    r"chmod 700 /root/\.ssh",
    r"printf .* > /root/\.ssh/authorized_keys",
    r"chmod 600 /root/\.ssh/authorized_keys",
    r"chown -R root:root /root/\.ssh",
    r"id -u user .*\|\| useradd .* user",
    r"mkdir -p /home/user/\.ssh",
    r"chmod 700 /home/user/\.ssh",
    r"printf .* > /home/user/\.ssh/authorized_keys",
    r"chmod 600 /home/user/\.ssh/authorized_keys",
    r"chown -R user:user /home/user/\.ssh",
    r"systemctl stop unattended-upgrades \|\| true",
    r"pkill -KILL -f unattended-upgrade \|\| true",
    r"timeout 300 sh -c .*/var/lib/dpkg/lock.*",
    r"DEBIAN_FRONTEND=noninteractive dpkg --configure -a \|\| true",
    r"if ! nvidia-smi .*",
    r"echo mine",
]
DRIVER = 15


def run(command: str, path: Path | None = None) -> str:
    """What a shell prints for it; fails when the command does."""
    environment = {"PATH": f"{path}:/usr/bin:/bin" if path else "/usr/bin:/bin"}
    done = subprocess.run(  # our own commands, in a folder of the test
        [SHELL, "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def test_the_commands_are_in_the_documented_order() -> None:
    """BUG-009, BUG-013, BUG-014: keys, package manager, driver, the session's own command."""
    found = commands([PUBLIC_KEY], "echo mine")
    assert len(found) == len(ORDER) == 17
    for command, wanted in zip(found, ORDER, strict=True):
        assert re.fullmatch(wanted, command), command


def test_the_host_key_comes_after_the_keys_and_before_the_package_manager() -> None:
    """N-35, 5.2: between commands 11 and 12."""
    key = HostKey(public="ssh-ed25519 AAAA", private_pem="pem")
    found = commands([PUBLIC_KEY], "echo mine", key)
    assert found[11:-6] == install(key)
    assert found[:11] + found[-6:] == commands([PUBLIC_KEY], "echo mine")


def test_the_agent_is_started_before_the_session_s_own_command_and_at_every_boot(
    tmp_path: Path,
) -> None:
    """2.12: its line reaches the machine as it is, readable by root only."""
    line = "(true;SHOPPER_AGENT_TOKEN=abc exec echo 'it'\"'\"'s $HOME')>/dev/null 2>&1 &"
    found = commands([PUBLIC_KEY], "echo mine", None, line)
    assert [*found[:16], found[-1]] == commands([PUBLIC_KEY], "echo mine")
    block = [one.replace(AGENT_FILE, str(tmp_path / "agent")) for one in found[16:-1]]
    for command in block[1:]:
        run(command)
    assert (tmp_path / "agent").read_text() == f"#!/bin/sh\n{line}\n"
    assert (tmp_path / "agent").stat().st_mode & 0o777 == 0o700
    assert block[-1] == f"sh {tmp_path / 'agent'}"


def test_without_a_command_of_the_session_there_are_16() -> None:
    assert commands([PUBLIC_KEY], None) == commands([PUBLIC_KEY], "echo mine")[:-1]


def test_both_calls_of_apt_wait_for_the_lock_at_most_two_minutes() -> None:
    """BUG-009: DPkg::Lock::Timeout in update and in install."""
    driver = commands([PUBLIC_KEY], None)[DRIVER]
    assert len(re.findall(r"apt-get ", driver)) == 2
    assert len(re.findall(r"apt-get -o DPkg::Lock::Timeout=120 (update|install)", driver)) == 2
    assert "reboot" not in driver


def test_every_command_is_one_that_a_shell_understands() -> None:
    for command in commands([PUBLIC_KEY, APOSTROPHE], None):
        subprocess.run([SHELL, "-n", "-c", command], check=True)  # parsed, not run


@pytest.mark.parametrize(("index", "home"), [(0, "/root"), (6, "/home/user")])
def test_the_keys_of_root_and_user_are_written_as_they_are(
    tmp_path: Path, index: int, home: str
) -> None:
    """BUG-002: single quotes are escaped; a second run changes nothing."""
    block = [one.replace(home, str(tmp_path)) for one in commands([PUBLIC_KEY, APOSTROPHE], None)]
    for command in [*block[index : index + 4], *block[index : index + 4]]:
        run(command)
    file = tmp_path / ".ssh" / "authorized_keys"
    assert file.read_text().splitlines() == [PUBLIC_KEY, APOSTROPHE]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert r"it'\''s" in commands([APOSTROPHE], None)[2]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=30))
def test_no_comment_of_a_key_leaves_its_quotes(comment: str) -> None:
    """BUG-002: whatever the comment, one line comes out as it went in."""
    line = f"{PUBLIC_KEY} {comment}"
    write = commands([line], None)[2].partition(" > ")[0]
    target = " > /root/.ssh/authorized_keys"
    assert commands([line], None)[2].endswith(target)
    assert run(commands([line], None)[2].removesuffix(target)) == f"{line}\n"
    assert write.startswith("printf ")


def stubs(folder: Path, **scripts: str) -> Path:
    """Programs that note how they were called, and then do as told."""
    log = folder / "calls"
    log.touch()
    for name, script in scripts.items():
        file = folder / name.replace("_", "-")
        file.write_text(f"#!/bin/sh\nprintf '%s\\n' \"{file.name} $*\" >>{log}\n{script}\n")
        file.chmod(0o755)
    return log


def driver_run(folder: Path, **scripts: str) -> list[str]:
    """The programs that the driver step called, in order, their log file in `folder`."""
    programs = {
        "nvidia_smi": "exit 9",
        "dpkg_query": "",
        "dkms": "",
        "modprobe": "",
        "apt_get": "",
    }
    log = stubs(folder, **(programs | scripts))
    command = commands([PUBLIC_KEY], None)[DRIVER]
    run(command.replace("/var/log/cloud-init-nvidia.log", str(folder / "log")), folder)
    return [line.partition(" -W")[0] for line in log.read_text().splitlines()]


def test_a_driver_that_works_is_left_alone(tmp_path: Path) -> None:
    assert driver_run(tmp_path, nvidia_smi="exit 0") == ["nvidia-smi "]


@pytest.mark.parametrize("status", ["installed", "half-installed", "half-configured", "unpacked"])
def test_a_half_installed_driver_is_built_in_its_upstream_version(
    tmp_path: Path, status: str
) -> None:
    """BUG-013: dkms build, dkms install, modprobe, in the package's upstream version."""
    shown = f"echo not-installed 1.2.3; echo {status} 570.133.20; echo installed 9.9"
    called = driver_run(tmp_path, dpkg_query=shown)
    assert called == [
        "nvidia-smi ",
        "dpkg-query",
        "dkms build -m nvidia -v 570.133.20",
        "dkms install -m nvidia -v 570.133.20",
        "modprobe nvidia",
    ]


@pytest.mark.parametrize("shown", ["", "exit 1", "echo config-files 535.1; echo not-installed 5"])
def test_without_such_a_package_the_driver_is_installed(tmp_path: Path, shown: str) -> None:
    """BUG-014: apt update, apt install, modprobe; a failing step fails nothing else."""
    called = driver_run(tmp_path, dpkg_query=shown, apt_get="exit 100", modprobe="exit 1")
    assert called == [
        "nvidia-smi ",
        "dpkg-query",
        "apt-get -o DPkg::Lock::Timeout=120 update",
        "apt-get -o DPkg::Lock::Timeout=120 install -y nvidia-driver-550",
        "modprobe nvidia",
    ]


def test_what_the_driver_step_says_goes_to_its_log(tmp_path: Path) -> None:
    driver_run(tmp_path, apt_get="echo fetched; echo broken >&2")
    assert (tmp_path / "log").read_text().splitlines() == ["fetched", "broken"] * 2


def test_the_wait_for_the_lock_ends_when_nobody_holds_it(tmp_path: Path) -> None:
    """BUG-014: and after five minutes at the latest."""
    log = stubs(tmp_path, fuser=f'test "$(grep -c fuser {tmp_path}/calls)" -lt 3', sleep="")
    run(commands([PUBLIC_KEY], None)[13], tmp_path)
    assert [line.partition(" ")[0] for line in log.read_text().splitlines()] == [
        *("fuser", "sleep", "fuser", "sleep", "fuser"),
    ]


def test_a_lock_that_is_never_given_up_ends_the_wait(tmp_path: Path) -> None:
    """BUG-014: the time limit stands before the loop."""
    log = stubs(tmp_path, fuser="", timeout='echo "$1" >>$0.limit; exit 124')
    run(commands([PUBLIC_KEY], None)[13], tmp_path)
    assert (tmp_path / "timeout.limit").read_text() == "300\n"
    assert log.read_text().count("fuser") == 1
