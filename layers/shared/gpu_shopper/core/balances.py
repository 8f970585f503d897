"""Whether a provider's account can pay for a machine, from what was last read of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gpu_shopper.core.money import MICROUSD
from gpu_shopper.core.settings import Settings


class Funds(StrEnum):
    """What a reading says about one launch."""

    ENOUGH = "enough"
    UNSURE = "unsure"
    TOO_LITTLE = "too_little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What was left to spend at `read_at`, in micro-dollars; below 0 when it is owed."""

    left_microusd: int
    read_at: datetime


def is_low(left_microusd: int, settings: Settings) -> bool:
    """Whether somebody should top the account up; no launch is refused for this."""
    return left_microusd < settings.balance_low_usd * MICROUSD


def funds_for(
    balance: Balance | None, microusd_per_hour: int, now: datetime, settings: Settings
) -> Funds:
    """Whether a machine at this price may be launched at `now`.

    Unknown is not zero: without a reading there is enough. A little is believed for
    `balance_fresh_s` only, since somebody may have topped up; later it is UNSURE.
    """
    needed = microusd_per_hour * settings.balance_least_hours
    if balance is None or needed == 0:
        return Funds.ENOUGH
    if balance.left_microusd >= needed and not is_low(balance.left_microusd, settings):
        return Funds.ENOUGH
    if now - balance.read_at > timedelta(seconds=settings.balance_fresh_s):
        return Funds.UNSURE
    return Funds.TOO_LITTLE if balance.left_microusd < needed else Funds.ENOUGH
