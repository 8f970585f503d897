"""What answers are made of: their base, and instants and money as they appear there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, model_serializer

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import to_usd


class Shown(BaseModel):
    """An answer: fields without a value are left out, except those in `nullable`."""

    model_config = ConfigDict(defer_build=True)

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: Any) -> dict[str, Any]:
        nullable = self.nullable()
        return {
            name: value
            for name, value in handler(self).items()
            if value is not None or name in nullable
        }

    def nullable(self) -> frozenset[str]:
        """The fields that are shown as null when their value is unknown."""
        return getattr(self, "NULLABLE", frozenset())


def instant(instant: datetime | None) -> str | None:
    """RFC 3339 with Z; None stays None: an unknown instant is left out."""
    return to_text(instant) if instant else None


def usd(microusd: int | None) -> float | None:
    """Dollars; None stays None."""
    return None if microusd is None else to_usd(microusd)
