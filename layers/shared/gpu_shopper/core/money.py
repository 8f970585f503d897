"""Money is an integer number of micro-dollars; dollars exist only in what is shown."""

from __future__ import annotations

from decimal import Decimal

MICROUSD = 1_000_000


def to_usd(microusd: int) -> float:
    """Dollars with at most six decimals, for JSON only; never calculate with it."""
    return float(Decimal(microusd) / MICROUSD)


def from_usd(usd: Decimal) -> int:
    """Micro-dollars of an amount in dollars, rounded half to even."""
    return int((usd * MICROUSD).to_integral_value())


def accrued(price_microusd_per_hour: int, seconds: int) -> int:
    """Micro-dollars owed for `seconds` at an hourly price, rounded half to even."""
    return divided(price_microusd_per_hour * seconds, 3_600)


def divided(number: int, by: int) -> int:
    """`number` / `by`, which is above 0, as a whole number, rounded half to even."""
    whole, rest = divmod(number, by)
    half = rest * 2
    return whole + (half > by or (half == by and whole % 2 == 1))
