"""Token buckets as one number: the instant at which the bucket would be full again.

A bucket of `burst` tokens that refills `rate_per_s` tokens a second allows a request while that
instant lies at most `burst - 1` refills ahead; each request moves it one refill further. One
number can be moved by one conditional write, so many functions share a bucket without a lock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """Size and refill of a bucket, and how many requests a UTC day may hold (None: any)."""

    rate_per_s: float
    burst: int
    daily_quota: int | None = None

    @property
    def refill_us(self) -> int:
        """Microseconds until one token comes back."""
        return round(MICROSECONDS / self.rate_per_s)

    @property
    def tolerance_us(self) -> int:
        """How far ahead the full instant may lie for a request still to pass."""
        return self.refill_us * (self.burst - 1)

    def retry_after_s(self, full_at_us: int, now_us: int) -> int:
        """Whole seconds, at least 1, until a request would pass."""
        return max(1, math.ceil((full_at_us - self.tolerance_us - now_us) / MICROSECONDS))
