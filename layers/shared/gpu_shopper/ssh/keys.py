"""Ed25519 key pairs in OpenSSH form."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key as OpenSSH PEM and its public key as one `type base64 comment` line."""

    private_pem: str = field(repr=False)
    public_line: str


def new_pair(comment: str) -> KeyPair:
    """A fresh Ed25519 pair; `comment` names its use and nothing secret."""
    # Imported here because only the request that makes a pair should pay for it.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return KeyPair(private.decode(), f"{public.decode()} {comment}")
