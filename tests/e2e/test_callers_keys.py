"""Public keys that callers bring: which are refused before anything is rented."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gpu_shopper.ssh.keys import new_pair
from tests.e2e.deployed import Deployed
from tests.e2e.routes import RENT

GOOD = new_pair("mine").public_line.rsplit(" ", 1)[0]
WEAK = rsa.generate_private_key(65_537, 2_048).public_key()
BAD = (
    WEAK.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "ssh-dss AAAAB3NzaC1kc3MAAAAA",
    f'command="rm -rf /" {GOOD}',
    GOOD.replace("ssh-ed25519", "ssh-rsa"),
    GOOD.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
    "ssh-ed25519 !!!!",
    f"{GOOD}\n{GOOD}",
    f"{GOOD}\rmore",
    f"{GOOD} a\x00b",
    f"{GOOD} {'x' * 8_192}",
    new_pair("mine").private_pem,
)


def test_a_key_that_nobody_should_bring_is_refused_unread(live: Deployed) -> None:
    """N-12: by name, not echoed, and nothing is stored; by an operator, who may ask so often."""
    wanted = RENT | {"consumer_id": "keyless"}
    for key in BAD:
        answer = live.operator.send(
            "POST", "/api/v1/sessions", json=wanted | {"ssh_public_key": key}
        )
        assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
        assert [one["field"] for one in answer.json()["details"]] == ["ssh_public_key"]
        assert key[-40:] not in answer.text
        assert GOOD.split(" ")[1] not in answer.text
    assert live.operator.get("/api/v1/sessions", consumer_id="keyless")["sessions"] == []
