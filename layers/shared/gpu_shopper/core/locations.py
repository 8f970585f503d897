"""Where a machine stands: a provider's text without its untidiness, and the country in it."""

from __future__ import annotations

from functools import lru_cache

from gpu_shopper.core.countries import CODE_BY_NAME
from gpu_shopper.core.normalise import provider_text

UNKNOWN = "Unknown"
LIMIT = 200


@lru_cache(maxsize=8_192)
def cleaned(text: str | None) -> str:
    """Parts between commas, trimmed, without empty or repeated neighbours; or "Unknown"."""
    parts: list[str] = []
    for part in map(str.strip, provider_text(text or "", LIMIT).split(",")):
        if part and (not parts or part.casefold() != parts[-1].casefold()):
            parts.append(part)
    while len(", ".join(parts)) > LIMIT:
        del parts[0]
    return ", ".join(parts) or UNKNOWN


@lru_cache(maxsize=8_192)
def country(location: str) -> str | None:
    """ISO 3166 alpha-2 code when the last part is such a code or a country's English name."""
    return CODE_BY_NAME.get(location.rpartition(",")[2].strip().casefold())
