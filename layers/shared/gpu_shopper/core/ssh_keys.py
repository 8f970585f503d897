"""Which SSH public keys a caller may bring, and what an OpenSSH key line must look like."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct

MAX_KEY_BYTES = 8 * 1024
MIN_RSA_BITS = 3072

_LINE = re.compile(
    r"(?P<type>[a-z0-9-]+) (?P<blob>[A-Za-z0-9+/]+={0,2})(?: (?P<comment>[^\r\n\x00]*))?"
)
_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)
_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


def checked_public_key(text: str) -> str:
    """`text` as one clean `type base64 [comment]` line. Raises ValueError with what is wrong."""
    if len(text.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"must be at most {MAX_KEY_BYTES} bytes")
    match = _LINE.fullmatch(text.strip(" \t\n"))
    if match is None or match["type"] not in _TYPES:
        raise ValueError(f"must be one line, an OpenSSH public key of type {', '.join(_TYPES)}")
    _check_blob(match["type"], match["blob"])
    comment = _clean_comment(match["comment"])
    return f"{match['type']} {match['blob']}{comment}"


def bare_key(line: str) -> str:
    """`type base64` of a key line, without its comment."""
    return " ".join(line.split(" ")[:2])


def fingerprint(key: str) -> str:
    """`SHA256:…` of a `type base64` key, as OpenSSH prints it."""

    digest = hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_hosts_line(host: str, port: int, key: str) -> str:
    """The `known_hosts` line that pins `key` for this address."""
    name = host if port == 22 else f"[{host}]:{port}"
    return f"{name} {bare_key(key)}"


def _clean_comment(comment: str | None) -> str:
    printable = "".join(c for c in comment or "" if c.isprintable()).strip()
    return f" {printable}" if printable else ""


def _check_blob(key_type: str, blob: str) -> None:
    try:
        fields = _fields(base64.b64decode(blob, validate=True))
    except (binascii.Error, struct.error, ValueError) as exc:
        raise ValueError("its base64 part does not decode to a key") from exc
    if not fields or fields[0] != key_type.encode():
        raise ValueError("its base64 part is of another type than it says")
    if not _plausible(key_type, fields[1:]):
        raise ValueError(
            f"its base64 part is not a usable key (RSA needs at least {MIN_RSA_BITS} bits)"
        )


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings of an SSH wire blob, which they must fill exactly."""
    fields, at = [], 0
    while at < len(blob):
        (size,) = struct.unpack_from(">I", blob, at)
        if at + 4 + size > len(blob):
            raise ValueError("truncated")
        fields.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return fields


def _plausible(key_type: str, fields: list[bytes]) -> bool:
    if key_type == "ssh-ed25519":
        return [len(one) for one in fields] == [32]
    if key_type == "ssh-rsa":
        return len(fields) == 2 and int.from_bytes(fields[1]).bit_length() >= MIN_RSA_BITS
    curve = key_type.removeprefix("ecdsa-sha2-")
    return (
        len(fields) == 2
        and fields[0] == curve.encode()
        and (len(fields[1]) == _POINT_BYTES[curve] and fields[1][:1] == b"\x04")
    )
