"""Instants as text: UTC, RFC 3339, ending in Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def to_text(at: datetime) -> str:
    """`at` with milliseconds and `Z`; equal lengths, so that texts sort as the instants do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The instant in RFC 3339 text, as `to_text` writes it. Raises ValueError for anything else."""
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 instant with its zone")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("an instant out of range") from exc
