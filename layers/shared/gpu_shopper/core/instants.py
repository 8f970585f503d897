"""Instants as text: UTC, RFC 3339, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime


def to_text(at: datetime) -> str:
    """`at` with milliseconds and `Z`; equal lengths, so that texts sort as the instants do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The instant written by `to_text`. Raises ValueError for anything without a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"instant without a zone: {text}")
    return at.astimezone(UTC)
