"""Errors repeat what was sent to them: what is kept of them must not hold keys or commands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.core.normalise import provider_text
from gpu_shopper.errors import ProviderError

SECRET_CHARS = 8
"""Shorter values are ordinary words, and taking them out would make errors unreadable."""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|LS0tLS1CRUdJTi[A-Za-z0-9+/]*={0,2}",
    re.DOTALL,
)
"""As PEM, and as the base64 of a PEM, whole or cut off."""
_KEY_BLOB = re.compile(r"AAAA[A-Za-z0-9+/]{16,}={0,2}")


def without_secrets(failure: ProviderError, request: LaunchRequest) -> ProviderError:
    """The same failure, in case the provider's text repeats what we sent."""
    secrets = [request.on_start_cmd or "", *request.env.values(), *request.ssh_public_keys]
    failure.message = redacted(failure.message, secrets)
    failure.args = (failure.message,)
    return failure


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets` and without any SSH key, public or private."""
    text = _PRIVATE_KEY.sub("[key]", text)
    for secret in sorted(map(provider_text, secrets), key=len, reverse=True):
        if len(secret) >= SECRET_CHARS:
            text = text.replace(secret, "[redacted]")
    return _KEY_BLOB.sub("[key]", text)
