"""How often to try, how long to wait, and when SSH verification has its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gpu_shopper.core.diagnostics import Check
from gpu_shopper.core.session import Verification
from gpu_shopper.core.settings import Settings

POLL_FACTOR = 1.5

ROUND_ENDS_S = 290
"""Age at which a round of provisioning ends by itself; at 300 s AWS ends it, and it has failed."""


class SshResult(StrEnum):
    """What one SSH try came to; told apart by the kind of failure, never by its wording."""

    READY = "ready"
    CONNECTION_REFUSED = "connection_refused"
    TIMEOUT = "timeout"
    NETWORK_UNREACHABLE = "network_unreachable"
    DNS_FAILED = "dns_failed"
    HOST_KEY_CHANGED = "host_key_changed"
    AUTH_FAILED = "auth_failed"
    KEY_PARSE_FAILED = "key_parse_failed"
    CONNECTION_CLOSED = "connection_closed"
    COMMAND_FAILED = "command_failed"
    UNKNOWN = "unknown"


_REACHED = frozenset({SshResult.READY, SshResult.AUTH_FAILED, SshResult.COMMAND_FAILED})


@dataclass(frozen=True, slots=True)
class SshTry:
    """One try: its result and the host key the server showed, `type base64`, if any.

    `answers` are the outputs of the checks after a login; None for one that failed or was late.
    """

    result: SshResult
    host_key: str | None = None
    answers: Mapping[Check, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiTry:
    """One request to a machine's health path: the status of its answer, or why there was none."""

    status: int | None = None
    failure: SshResult | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a server is there and knows the path: below 500 and not 404."""
        return self.status is not None and self.status < 500 and self.status != 404

    @property
    def said(self) -> str:
        """The same for people, in a few words."""
        return f"HTTP {self.status}" if self.failure is None else self.failure.value


def poll_wait_s(polls: int, settings: Settings) -> int:
    """Seconds before the next poll after `polls` of them: 5, 7.5, 11.25, 15, 15 …, rounded up."""
    return math.ceil(_grown(settings.ssh_poll_first_s, POLL_FACTOR, polls, settings.ssh_poll_cap_s))


def lookup_wait_s(lookups: int, settings: Settings) -> int:
    """Seconds before the next label lookup: 5 doubled each time, at most 60."""
    first, cap = settings.launch_lookup_wait_s, settings.launch_lookup_wait_cap_s
    return math.ceil(_grown(first, 2.0, lookups, cap))


def throttled_wait_s(tries: int, retry_after_s: float | None, settings: Settings) -> int:
    """Seconds before a launch that was refused by a rate limit is tried again."""
    if retry_after_s is not None:
        return max(1, math.ceil(min(retry_after_s, settings.launch_lookup_wait_cap_s)))
    return settings.launch_throttled_wait_s << max(0, min(tries, 8) - 1)


def ssh_hold_s(launched_at: datetime, delay_s: int, now: datetime) -> int:
    """Whole seconds, rounded up, until `delay_s` have passed since the launch; 0 once they have."""
    return max(0, math.ceil((launched_at + timedelta(seconds=delay_s) - now).total_seconds()))


def round_is_over(began_at: datetime, now: datetime, wait_s: int, settings: Settings) -> bool:
    """Whether a step that begins after `wait_s` would begin too late for its round.

    A round is an EXPRESS execution, which AWS ends after 300 s wherever it is.
    """
    return now + timedelta(seconds=wait_s) >= began_at + timedelta(
        seconds=settings.provision_round_s
    )


def round_rest_s(began_at: datetime, now: datetime, wait_s: int) -> int:
    """Seconds that a round which is over still waits: `wait_s`, or what is left of it if less."""
    left = began_at + timedelta(seconds=ROUND_ENDS_S) - now
    return max(0, min(wait_s, math.floor(left.total_seconds())))


def teardown_wait_s(rounds: int, settings: Settings) -> int:
    """Seconds between terminate and proof in round `rounds` (1, 2 …): 5 per round, at most 50."""
    return min(settings.teardown_wait_step_s * max(1, rounds), settings.teardown_wait_cap_s)


def _grown(first: float, factor: float, times: int, cap: float) -> float:
    """`first × factor^times`, at most `cap`; the exponent is bounded, so it cannot overflow."""
    return min(cap, first * factor ** min(times, 64))


def after_try(seen: Verification, tried: SshTry, now: datetime, settings: Settings) -> Verification:
    """`seen` with one more SSH try in it.

    Refusals count once the grace since the first contact is over, because keys need 10–15 s to
    spread; any other result breaks a row of them.
    """
    result = tried.result
    spoke = result in _REACHED or tried.host_key is not None
    reached = seen.reached_at or (now if spoke else None)
    counted = replace(seen, polls=seen.polls + 1, reached_at=reached, last_error=result.value)
    if result is not SshResult.AUTH_FAILED or reached is None:
        return replace(counted, auth_refusals=0)
    grace_is_over = now >= reached + timedelta(seconds=settings.ssh_auth_grace_s)
    return replace(counted, auth_refusals=seen.auth_refusals + grace_is_over)


def login_is_refused(seen: Verification, settings: Settings) -> bool:
    """True after enough refusals in a row."""
    return seen.auth_refusals >= settings.ssh_auth_failures
