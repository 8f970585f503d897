"""Errors repeat what was sent to them: what is kept of them must not hold keys or commands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.core.normalise import provider_text
from gpu_shopper.errors.provider import ProviderError

SECRET_CHARS = 8
"""Shorter values are ordinary words, and taking them out would make errors unreadable."""

LOG_CHARS = 16_000

_KEY_BLOB = re.compile(r"AAAA[A-Za-z0-9+/]{16,}={0,2}")
_PEM = re.compile(
    r"(?:-----BEGIN [A-Z0-9 ]{1,40}-----|\A(?=(?:(?!-----BEGIN ).)*?-----END )).*?"
    r"(?:-----END [A-Z0-9 ]{1,40}-----|\Z)",
    re.DOTALL,
)
"""A private key, also one whose beginning or end is cut off."""
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]*={0,2}")
"""The base64 of a PEM, whole or cut off, as start-up commands carry it."""
_ASSIGNED = re.compile(
    r"\b(\w*(?:key|token|secret|password|passwd)[\"']? ?[=:] ?[\"']?|bearer )[^\s\"',;&]{8,}",
    re.IGNORECASE,
)
_AGENT_TOKEN = re.compile(r"(SHOPPER_AGENT_TOKEN=)[A-Za-z0-9_-]+")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def without_secrets(failure: ProviderError, request: LaunchRequest) -> ProviderError:
    """The same failure, in case the provider's text repeats what we sent."""
    commands = [request.on_start_cmd or "", request.agent_cmd or ""]
    secrets = [*commands, *request.env.values(), *request.ssh_public_keys]
    failure.message = redacted(failure.message, secrets)
    failure.args = (failure.message,)
    return failure


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets` and without any SSH key, public or private."""
    text = _AGENT_TOKEN.sub(r"\1[redacted]", _without_pem(text))
    for secret in sorted(map(provider_text, secrets), key=len, reverse=True):
        if len(secret) >= SECRET_CHARS:
            text = text.replace(secret, "[redacted]")
    return _KEY_BLOB.sub("[key]", text)


def log_text(text: str) -> str:
    """The end of what a machine wrote: printable lines, without keys, at most 16,000 characters."""
    hidden = _ASSIGNED.sub(r"\1[hidden]", _KEY_BLOB.sub("[key]", _without_pem(text)))
    plain = _COLOUR.sub("", hidden).replace("\r", "\n")
    lines = ("".join(filter(str.isprintable, line)).rstrip() for line in plain.split("\n"))
    return "\n".join(filter(None, lines))[-LOG_CHARS:]


def _without_pem(text: str) -> str:
    return _ENCODED_PEM.sub("[key]", _PEM.sub("[key]", text))
