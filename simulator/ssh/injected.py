"""Host keys that a start-up script brings along."""

from __future__ import annotations

import base64
import re

import asyncssh

_BLOCK = re.compile(
    r"-----BEGIN OPENSSH PRIVATE KEY-----.+?-----END OPENSSH PRIVATE KEY-----", re.DOTALL
)
_ENCODED = re.compile(r"[A-Za-z0-9+/]{200,}={0,2}")


def injected_host_key(script: str) -> asyncssh.SSHKey | None:
    """The private host key in a script, plain or base64; None when there is none."""
    for text in [script, *_decoded(script)]:
        for block in _BLOCK.findall(text):
            try:
                return asyncssh.import_private_key(block.replace("\\n", "\n") + "\n")
            except asyncssh.KeyImportError:
                continue
    return None


def _decoded(script: str) -> list[str]:
    texts = []
    for run in _ENCODED.findall(script):
        try:
            texts.append(base64.b64decode(run, validate=True).decode(errors="replace"))
        except ValueError:
            continue
    return texts
