"""Public keys that callers bring: real ones of every type, and every kind of bad one."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.ssh_keys import MAX_KEY_BYTES, checked_public_key
from gpu_shopper.ssh.keys import new_pair


def line(key: object) -> str:
    public = key.public_key()  # type: ignore[attr-defined]
    text: bytes = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text.decode()


ED25519 = line(ed25519.Ed25519PrivateKey.generate())
RSA_3072 = line(rsa.generate_private_key(65_537, 3_072))
RSA_2048 = line(rsa.generate_private_key(65_537, 2_048))
DSA = "ssh-dss AAAAB3NzaC1kc3MAAAAA"
CURVES = [
    line(ec.generate_private_key(c)) for c in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())
]


@pytest.mark.parametrize("key", [ED25519, RSA_3072, *CURVES], ids=lambda k: k.split(" ")[0])
def test_the_listed_types_are_accepted_with_and_without_comment(key: str) -> None:
    """N-12."""
    assert checked_public_key(key) == key
    assert checked_public_key(f"{key} me@home") == f"{key} me@home"


@pytest.mark.parametrize(
    "text",
    [
        DSA,
        RSA_2048,
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 !!!!",
        f'command="rm -rf /" {ED25519}',
        f"no-pty {ED25519}",
        f"{ED25519}\n{ED25519}",
        f"{ED25519}\rssh",
        f"{ED25519} a\x00b",
        ED25519.replace("ssh-ed25519", "ssh-rsa", 1),
        ED25519.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 1),
        ED25519[:-4],
        ED25519[:20] + "=" + ED25519[21:],
        new_pair("x").private_pem,
        f"{ED25519} {'x' * MAX_KEY_BYTES}",
        "ssh-ed25519 " + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519\xff\xff\xff\xff").decode(),
    ],
    ids=range(18),
)
def test_anything_else_is_refused(text: str) -> None:
    """N-12: type, size, options, line breaks, blobs of another type, private keys."""
    with pytest.raises(ValueError, match=r"."):
        checked_public_key(text)


@given(st.binary(max_size=300))
def test_no_blob_crashes_the_check(blob: bytes) -> None:
    """N-12: refused or accepted, never an error of another kind."""
    text = f"ssh-rsa {base64.b64encode(blob).decode()}"
    try:
        assert checked_public_key(text) == text
    except ValueError:
        return


def test_a_made_pair_belongs_together() -> None:
    """N-13: OpenSSH PEM, Ed25519, and the public line passes our own check."""
    pair = new_pair("gpu-shopper-test")
    assert pair.private_pem.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert checked_public_key(pair.public_line) == pair.public_line
    assert pair.private_pem not in repr(pair)
