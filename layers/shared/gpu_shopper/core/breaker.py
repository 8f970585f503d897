"""The circuit breaker of one provider: when it is asked no more, and who may try first again.

Closed until a number of failures in a row; then open for a while; then exactly one call goes
through as a probe. An answer of any kind closes it, another failure opens it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import (
    BadProviderReply,
    LaunchUncertain,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)


class Gate(StrEnum):
    """What a call may do now: go through, go through as the one probe, or not at all."""

    OPEN = "open"
    PROBE = "probe"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Failures in a row, and since when it is open; `version` counts the writes."""

    version: int = 0
    failures: int = 0
    opened_at: datetime | None = None
    probing_since: datetime | None = None


def level(breaker: Breaker) -> int:
    """0 closed, 1 half-open (somebody probes), 2 open."""
    if breaker.opened_at is None:
        return 0
    return 2 if breaker.probing_since is None else 1


def gate(breaker: Breaker, now: datetime, settings: Settings) -> Gate:
    """Pass while closed; refuse while open; then probe, unless somebody else's probe is young."""
    if breaker.opened_at is None:
        return Gate.OPEN
    pause = timedelta(seconds=settings.breaker_open_s)
    if now < breaker.opened_at + pause:
        return Gate.REFUSE
    probing = breaker.probing_since
    return Gate.REFUSE if probing is not None and now < probing + pause else Gate.PROBE


def probing(breaker: Breaker, now: datetime) -> Breaker:
    """The next version, in which one caller has taken the probe."""
    return replace(breaker, version=breaker.version + 1, probing_since=now)


def after_answer(breaker: Breaker) -> Breaker | None:
    """Closed again; None when there is nothing to forget."""
    if breaker.failures == 0 and breaker.opened_at is None:
        return None
    return Breaker(version=breaker.version + 1)


def after_failure(breaker: Breaker, now: datetime, settings: Settings) -> Breaker:
    """One failure more; opens at the fifth in a row, or again after a failed probe."""
    failures = breaker.failures + 1
    opens = breaker.opened_at is not None or failures >= settings.breaker_failures
    return Breaker(version=breaker.version + 1, failures=failures, opened_at=now if opens else None)


def counts(error: ProviderError) -> bool:
    """True for failures of the provider itself: 5xx, 429, time-outs, no connection.

    An answer that cannot be read came from somebody who answers, and does not count.
    """
    failed = isinstance(error, RateLimited | ProviderUnavailable | LaunchUncertain)
    return failed and not isinstance(error, BadProviderReply)
