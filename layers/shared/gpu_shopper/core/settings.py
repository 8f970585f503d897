"""The one settings table: every wait, interval, deadline and cap, with its default and unit.

A field `absence_min_age_s` is the environment variable `ABSENCE_MIN_AGE_S` and the template
parameter `AbsenceMinAgeS`; a test compares the three. The names end in their unit: `_s` seconds,
`_min` minutes, `_hours` hours; anything else is a count or a share.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers of the domain rules; the defaults are those of the product's contract."""

    # Callers: one token bucket per API key.
    consumer_rate_per_s: int = 10
    consumer_burst: int = 20
    consumer_daily_quota: int = 100_000
    operator_rate_per_s: int = 50
    operator_burst: int = 100
    operator_daily_quota: int = 1_000_000

    # Inventory snapshots.
    snapshot_fresh_s: int = 120
    snapshot_half_trust_s: int = 300
    snapshot_usable_s: int = 600
    refresh_lease_s: int = 300
    refresh_give_up_s: int = 240
    refresh_backoff_s: int = 60
    refresh_backoff_cap_s: int = 300
    offer_memory_s: int = 3_600

    # A session's life.
    max_reservation_hours: int = 12
    hard_max_hours: int = 12
    pending_restart_s: int = 60
    pending_deadline_s: int = 120
    step_overdue_s: int = 60
    deadline_grace_s: int = 60

    # Launching.
    launch_call_max_s: int = 90
    launch_throttled_tries: int = 3
    launch_throttled_wait_s: int = 5
    launch_lookup_wait_s: int = 5
    launch_lookup_wait_cap_s: int = 60
    never_rented_first_look_s: int = 60
    listings_apart_s: int = 30
    launch_unknown_deadline_s: int = 300
    instance_failed_polls: int = 2

    # SSH verification.
    ssh_deadline_default_min: int = 10
    ssh_poll_first_s: int = 5
    ssh_poll_cap_s: int = 15
    ssh_connect_timeout_s: int = 10
    ssh_login_timeout_s: int = 15
    ssh_command_timeout_s: int = 15
    ssh_auth_failures: int = 3
    ssh_auth_grace_s: int = 60

    # Teardown.
    teardown_wait_step_s: int = 5
    teardown_wait_cap_s: int = 50
    teardown_rounds_per_execution: int = 200
    absence_min_age_s: int = 60
    stopping_alarm_s: int = 300

    # Reconciliation.
    ghost_min_age_s: int = 600
    instance_failed_for_s: int = 600
    orphans_per_pass_min: int = 5
    orphans_per_pass_percent: int = 20

    # Calls to providers.
    provider_connect_timeout_s: int = 5
    provider_read_timeout_s: int = 30
