"""When a provider wants to be asked again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After (number or date) or X-RateLimit-Reset (epoch)."""
    wish, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    try:
        if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", wish, re.ASCII):
            return float(wish)
        sent_at = parsedate_to_datetime(headers["Date"]).timestamp()
        at = parsedate_to_datetime(wish).timestamp() if wish else float(reset)
    except (KeyError, ValueError, OverflowError):
        return None
    return max(0.0, min(at - sent_at, 86_400.0))
