"""How much disk a new session gets: what was asked for, or what its model needs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from gpu_shopper.core.disk import MAX_DISK_GB, DiskEstimate
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Notice
from gpu_shopper.errors import InsufficientDisk, ValidationFailed


def settled_gb(asked_gb: int | None, estimate: DiskEstimate | None, offer: Offer) -> int:
    """GB to rent: as asked, else as recommended, else the provider's usual; at least its least."""
    wanted = asked_gb or (estimate.recommended_gb if estimate else offer.default_disk_gb)
    return max(wanted, FACTS[offer.provider].disk_min_gb)


def check_disk(asked_gb: int | None, estimate: DiskEstimate | None) -> None:
    """Raises InsufficientDisk when less was asked for than the model needs.

    Raises ValidationFailed when nothing was asked for and the model needs more than anybody may.
    """
    if estimate is None:
        return
    if asked_gb is None:
        if estimate.recommended_gb > MAX_DISK_GB:
            needs = f"model_id needs {estimate.recommended_gb} GB of disk"
            raise ValidationFailed([("model_id", f"{needs}, more than {MAX_DISK_GB}")])
        return
    if asked_gb < estimate.minimum_gb:
        raise InsufficientDisk(
            f"disk_gb must be at least {estimate.minimum_gb} for what the session is to hold",
            requested_gb=asked_gb,
            minimum_gb=estimate.minimum_gb,
            recommended_gb=estimate.recommended_gb,
            breakdown=_breakdown(estimate),
        )


def disk_notices(asked_gb: int | None, rented_gb: int, now: datetime) -> tuple[Notice, ...]:
    """A warning when the provider rents no disk as small as the one asked for."""
    if asked_gb is None or rented_gb <= asked_gb:
        return ()
    message = f"disk raised from {asked_gb} to {rented_gb} GB, the least that the provider rents"
    return (Notice(code="disk_raised", message=message, at=now),)


def _breakdown(estimate: DiskEstimate) -> dict[str, Any]:
    return {name: value for name, value in asdict(estimate).items() if value is not None}
