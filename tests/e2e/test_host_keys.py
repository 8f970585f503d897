"""Host keys as OpenSSH sees them, and machines that do not show the one they were given."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from gpu_shopper.core.ssh_keys import bare_key
from gpu_shopper.ssh.keys import new_pair
from local import ssh
from tests.e2e.aws_view import audit, counted
from tests.e2e.provider import broken
from tests.e2e.renting import Rental, Renting, Row, provider_id
from tests.e2e.stories import told_by

OPENSSH = shutil.which("ssh")
# How an OpenSSH without a configuration of its own insists on what we pin, and asks nobody.
STRICT = (
    *("-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"),
    *("-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null"),
)


def logged_in(rental: Rental, session: Row, folder: Path) -> str:
    """What `echo ok` prints after a login that checks the host key strictly."""
    private_key = rental.private_key or ""
    if OPENSSH is None:
        return _with_paramiko(session, private_key)
    key, hosts = folder / "key", folder / "known_hosts"
    key.touch(mode=0o600)
    key.write_text(private_key)
    hosts.write_text(session["known_hosts"] + "\n")
    where = ["-p", str(session["ssh_port"]), f"{session['ssh_user']}@{session['ssh_host']}"]
    options = [*STRICT, "-o", f"UserKnownHostsFile={hosts}", "-i", str(key)]
    done = subprocess.run(
        [OPENSSH, *options, *where, "echo ok"], capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip() or done.stderr


def _with_paramiko(session: Row, private_key: str) -> str:
    try:
        return ssh.run(session, private_key, "echo ok").strip()
    except paramiko.BadHostKeyException:
        return "Host key verification failed"


@pytest.mark.parametrize("name", ["vastai", "tensordock"])
def test_ssh_with_the_line_of_the_session_connects_strictly(
    renting: Renting, tmp_path: Path, name: str
) -> None:
    """N-35: the machine serves the key that we made, and OpenSSH agrees."""
    offer = renting.offer() if name == "vastai" else renting.tensordock_offer()
    rental = renting.rent(offer)
    running = rental.until("running")
    assert running["host_key_source"] == "injected"
    assert "host_key_first_use" not in {one["code"] for one in running["warnings"]}
    assert logged_in(rental, running, tmp_path) == "ok"
    (tmp_path / "other").mkdir()
    host = running["known_hosts"].split(" ")[0]
    stranger = running | {"known_hosts": f"{host} {bare_key(new_pair('x').public_line)}"}
    assert "Host key verification failed" in logged_in(rental, stranger, tmp_path / "other")
    rental.end()


@dataclass(frozen=True)
class Stranger:
    """A machine that never showed the key it was given."""

    session: Row
    told: list[Row]
    count: float
    logins: list[str]


def never_shows_its_key(renting: Renting) -> Stranger:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, {"type": "ssh", "mode": "wrong_host_key"}, match=match):
        rental = renting.rent(offer, ssh_timeout_minutes=1)
        failed = rental.until("failed", 150)
    return Stranger(
        session=failed,
        told=audit(live, rental.id, "host_key_changed"),
        count=counted(live, "HostKeyChanges", rental.id),
        logins=[one["reason"] for one in failed["attempts"]],
    )


@told_by(never_shows_its_key, long=True)
def test_a_machine_that_never_shows_its_key_is_never_logged_in_to(told: Stranger) -> None:
    """N-35, N-36: the first connection is checked; one warning, one audit event, one count."""
    assert told.session["end_reason"] == "host_key_changed"
    assert told.session["host_key_changed"]
    assert [one["code"] for one in told.session["warnings"]].count("host_key_changed") == 1
    assert (len(told.told), told.count) == (1, 1)
    assert told.logins == ["host_key_changed"]
