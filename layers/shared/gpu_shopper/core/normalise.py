"""Providers' numbers and texts in our units; garbage becomes None, never 0 and never an exception.

Booleans are not numbers here, and text is a number only where a function says so.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

from gpu_shopper.core.money import MICROUSD, from_usd

MB_PER_GB = 1024
MAX_USD = 1_000_000
"""Amounts above this are garbage, not prices: the dearest real offers cost some 100 $/h."""
TEXT_LIMIT = 1_000
GPU_NAME_LIMIT = 128

_VRAM_IN_NAME = re.compile(r"(?<![0-9.])([0-9]{1,4}) ?gb(?![a-z0-9])", re.IGNORECASE)

_DECIMAL = re.compile(r" *[0-9]{0,20}\.?[0-9]{0,20} *", re.ASCII)


def number(value: object) -> float | None:
    """`value` when it is a finite int or float."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int:
        return float(value) if abs(value) < 1e18 else None
    return None


def count(value: object) -> int | None:
    """A finite number >= 0, cut to the whole number below it."""
    if type(value) is float and 0.0 <= value < 1e18:  # the common case, without a further call
        return int(value)
    found = number(value)
    return int(found) if found is not None and found >= 0 else None


def usd(value: object) -> Decimal | None:
    """An amount of dollars >= 0 from a number or decimal text, exactly as it was written."""
    if type(value) is float or type(value) is int:
        text = repr(value) if abs(value) <= MAX_USD else "nan"
    else:
        text = value if isinstance(value, str) and _DECIMAL.fullmatch(value) else "nan"
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= MAX_USD else None


def microusd(value: object) -> int | None:
    """Micro-dollars of `usd(value)`, rounded half to even; 0 is allowed."""
    if type(value) is float and 0 <= value <= MAX_USD:
        quick = nearest(value * MICROUSD)
        if quick is not None:
            return quick
    amount = usd(value)
    return None if amount is None else from_usd(amount)


def signed_microusd(value: object) -> int | None:
    """As `microusd`, but a number may be below 0: debts and corrections are."""
    found = number(value)
    if found is None or found >= 0:
        return microusd(value)
    owed = microusd(-found)
    return None if owed is None else -owed


def nearest(micro: float) -> int | None:
    """The whole number next to `micro`, or None so near to a half that only decimals can tell.

    Up to 10^12 a float is exact to 0.0002, so outside the band of 0.001 its side is certain.
    """
    whole = int(micro)
    rest = micro - whole
    if rest < 0.499:
        return whole
    return whole + 1 if rest > 0.501 else None


def price_microusd(value: object) -> int | None:
    """As `microusd`, but a price that is not above 0 is None."""
    return microusd(value) or None


def vram_gb_from_mb(megabytes: object) -> int | None:
    """GB per GPU, to the nearest: cards report a little less than they are sold with."""
    found = number(megabytes)
    if found is None or found <= 0:
        return None
    return round(found / MB_PER_GB) or None


def vram_gb_from_name(name: str) -> int | None:
    """GB per GPU from a slug (`l40s-pcie-48gb`) or a display name ("RTX 4090 24GB")."""
    match = _VRAM_IN_NAME.search(name)
    return int(match[1]) or None if match else None


def reliability(value: object) -> float | None:
    """A share within [0, 1], six decimals; unknown is None, never 0."""
    if type(value) is float and 0.0 <= value <= 1.0:  # the common case, without a further call
        return round(value, 6)
    found = number(value)
    return None if found is None else round(min(1.0, max(0.0, found)), 6)


def cuda_version(value: object) -> float | None:
    """CUDA version with one decimal, from a number or decimal text; 0 and nonsense are None."""
    amount = usd(value)
    if amount is None or not Decimal("0.1") <= amount < 1_000:
        return None
    return float(round(amount, 1))


def machine_id(value: object) -> str | None:
    """A provider's own id of a machine or host, as text."""
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return provider_text(value, 64) or None if isinstance(value, str) else None


def provider_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` on one line without control characters, at most `limit` characters."""
    head = text[: 4 * limit]
    printable = "".join(one if one.isprintable() else " " for one in head)
    return " ".join(printable.split())[:limit].strip()


def gpu_name_raw(text: str) -> str:
    """A provider's GPU name, trimmed, without control characters, at most 128 characters."""
    head = text[: 8 * GPU_NAME_LIMIT]
    kept = "".join(one for one in head if one.isprintable() or one.isspace())
    return " ".join(kept.split())[:GPU_NAME_LIMIT].strip()
