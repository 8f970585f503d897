"""The one settings table: every wait, interval, deadline and cap, with its default and unit.

A field `absence_min_age_s` is the template parameter `AbsenceMinAgeS` and reaches the functions
at its place in the variable `SETTINGS`; a test compares the three. The names end in their unit:
`_s` seconds, `_ms` milliseconds, `_min` minutes, `_hours` hours, `_days` days; anything else is a
count or a share.
`docs/settings.md` is written from the comments here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers of the domain rules; the defaults are those of the product's contract."""

    # Callers: one token bucket per API key.
    consumer_rate_per_s: int = 10  # requests that a consumer key gets back each second
    consumer_burst: int = 20  # requests that a rested consumer key may send at once
    consumer_daily_quota: int = 100_000  # requests of a consumer key in one UTC day
    operator_rate_per_s: int = 50  # requests that an operator key gets back each second
    operator_burst: int = 100  # requests that a rested operator key may send at once
    operator_daily_quota: int = 1_000_000  # requests of an operator key in one UTC day

    # Inventory snapshots.
    snapshot_fresh_s: int = 120  # up to this age an offer is trusted fully; older ones are `stale`
    snapshot_half_trust_s: int = 300  # from this age on confidence is halved; falls linearly before
    snapshot_usable_s: int = 600  # an older snapshot is not shown, and its offers are not rented
    refresh_lease_s: int = 300  # how long one refresh keeps others of its provider away
    refresh_give_up_s: int = 240  # a fetch that took longer is thrown away
    refresh_backoff_s: int = 60  # pause after a failed refresh; doubles with each in a row
    refresh_backoff_cap_s: int = 300  # longest pause after failed refreshes
    offer_memory_s: int = 3_600  # how long a vanished offer is `stale` rather than unknown
    templates_refresh_s: int = 3_600  # from one fetch of a provider's templates to the next
    templates_usable_s: int = 86_400  # templates fetched longer ago are not served any more

    # Price history.
    price_hourly_keep_days: int = 90  # how long hours are kept, and series not on offer are known
    price_daily_keep_days: int = 400  # how long days are kept
    price_page_points: int = 20_000  # points that one page of series may hold
    price_percentile_points: int = 24  # hours of the last 168 that a percentile needs

    # Audit.
    audit_keep_days: int = 400  # how long events are kept

    # Webhooks.
    webhook_timeout_s: int = 5  # for one request, from the name's look-up to the answer's head
    webhook_answer_bytes: int = 4_096  # most that is read of an answer
    webhook_wait_1_s: int = 30  # from the first failed try to the second
    webhook_wait_2_s: int = 120  # from the second to the third
    webhook_wait_3_s: int = 600  # from the third to the fourth
    webhook_wait_4_s: int = 3_600  # from the fourth to the fifth, which is the last
    webhook_failures_disable: int = 20  # deliveries given up in a row that switch a webhook off
    webhooks_per_consumer: int = 5  # most webhooks of one consumer
    webhooks_of_deployment: int = 20  # most webhooks that hear of all consumers
    webhook_tests_per_min: int = 6  # most test deliveries of one webhook in a minute
    expiring_notice_min: int = 30  # so long before its expiry a session is said to expire

    # Failure memory of offers.
    failure_offer_window_s: int = 1_800  # failures of an offer or its machine count this long
    failure_type_window_s: int = 3_600  # failures of a GPU type count this long, then are forgotten
    failure_type_offers: int = 3  # failed offers, on different machines, that degrade a GPU type
    failure_suppress_after: int = 3  # failures of an offer in its window that hide it
    failure_suppress_s: int = 1_800  # how long it is hidden

    # Location statistics of TensorDock.
    location_memory_s: int = 1_800  # without a launch for longer, a location counts as untried

    # Requests that are sent again.
    idempotency_hours: int = 24  # how long an Idempotency-Key stands for its first request
    secrets_again_s: int = 900  # how long a repeat shows the secrets of the first answer again

    # A session's life.
    hard_max_hours: int = 12  # age at which a session ends whatever was extended
    pending_restart_s: int = 60  # a session still pending then gets its machine started again
    pending_deadline_s: int = 120  # a session still pending then fails
    step_overdue_s: int = 60  # a step so late means a dead execution, which is replaced
    deadline_grace_s: int = 60  # what the sweep leaves the machine, to see a deadline itself
    hard_stop_margin_s: int = 120  # from the hard max to the look of a session's own timer
    hard_stop_again_s: int = 300  # from that to its next look, until the end is proven
    drain_default_min: int = 10  # how long a drain lasts when its caller does not say
    drain_minute_s: int = 60  # what a minute of a drain lasts; shorter in tests only

    # Launching.
    launch_call_max_s: int = 90  # longest a launch call may take; later it counts as unclear
    launch_throttled_tries: int = 3  # repeats of a launch that a provider's rate limit refused
    launch_throttled_wait_s: int = 5  # pause before such a repeat, if the provider names none
    launch_lookup_wait_s: int = 5  # first pause between lookups of an unclear launch; doubles
    launch_lookup_wait_cap_s: int = 60  # longest pause between those lookups
    never_rented_first_look_s: int = 60  # age of an unclear launch from which a listing is evidence
    listings_apart_s: int = 30  # two listings count as two only when so far apart
    launch_unknown_deadline_s: int = 300  # how long an attempt may be without an instance id
    instance_failed_polls: int = 2  # polls in a row that must call a loading machine failed
    price_mismatch_percent: int = 5  # a machine dearer than accepted by more than this is given up

    # Automatic retry.
    retry_default: int = 3  # further attempts when the caller wants some and names no number
    retry_max: int = 5  # most further attempts of a session
    retry_min_left_s: int = 600  # no attempt starts with less time left before the expiry
    retry_candidates: int = 5  # comparable offers that are tried to be had for the next attempt
    retry_same_gpu_price_percent: int = 120  # dearest offer of the same GPU, of the first's price
    retry_same_vram_price_percent: int = 150  # dearest with as much memory at the same provider
    retry_any_price_percent: int = 200  # dearest with as much memory at any provider

    # SSH verification.
    ssh_deadline_default_min: int = 10  # from launch to the first login, unless the caller says
    ssh_deadline_slowish_image_min: int = 12  # the same for images of TGI, Ollama, Triton and such
    ssh_deadline_slow_image_min: int = 15  # the same for images of vLLM, NeMo and Megatron
    first_look_s: int = 1  # from a launch to the first look: a new machine shows nothing before
    provision_round_s: int = 150  # age of a round of provisioning from which the next takes over
    ssh_poll_first_s: int = 5  # pause before the second look; grows by half each time
    ssh_poll_cap_s: int = 15  # longest pause between looks
    ssh_connect_timeout_s: int = 10  # for the TCP connection
    ssh_login_timeout_s: int = 15  # for the handshake and the login
    ssh_command_timeout_s: int = 15  # for the command after the login
    ssh_auth_failures: int = 3  # refused logins in a row that end the attempt
    ssh_auth_grace_s: int = 60  # refusals so soon after the port opens do not count
    tensordock_ssh_delay_s: int = 90  # from a TensorDock launch to the first SSH try there

    # Verification of a machine that serves HTTP.
    api_poll_s: int = 15  # pause between two requests to its health path
    api_try_limit_s: int = 10  # for one request, from the connection to the answer's head

    # Checks of a machine that can be logged in to.
    check_limit_s: int = 30  # for all checks of one login together; what is late is unknown
    check_interval_s: int = 900  # between the checks of a running session's machine

    # The agent on a machine.
    heartbeat_every_s: int = 30  # pause that an agent is told to keep between two heartbeats
    heartbeat_write_s: int = 10  # least time between two heartbeats of a session that are kept
    heartbeat_fresh_s: int = 90  # an older heartbeat says nothing of idleness; the agent is silent
    heartbeat_silent_s: int = 300  # silence for longer than this ends a running session
    agent_report_within_s: int = 600  # an agent unheard of so long after `running` is warned of
    heartbeat_stale_s: int = 1800  # silence in a running session for longer than this: an alarm

    # Teardown.
    teardown_wait_step_s: int = 5  # pause between terminate and proof, times the round
    teardown_wait_cap_s: int = 50  # longest such pause
    teardown_rounds_per_execution: int = 200  # rounds after which a fresh execution goes on
    absence_min_age_s: int = 60  # evidence is none so soon after the launch: listings lag
    stopping_alarm_s: int = 300  # unproven for so long: an alarm; the teardown goes on

    # Reconciliation.
    ghost_min_age_s: int = 600  # age of an attempt from which its absence may make it a ghost
    instance_failed_for_s: int = 600  # a running session's machine failed for so long has died
    orphans_per_pass_min: int = 5  # orphans that one pass may end in any case
    reconcile_dry_run: int = 0  # 1: orphans are recorded and told of, and not destroyed
    orphans_per_pass_percent: int = 20  # or this share of our machines, if that is more

    # Calls to providers.
    provider_connect_timeout_s: int = 5  # for the connection
    provider_read_timeout_s: int = 30  # for each part of the answer
    breaker_failures: int = 5  # failures in a row after which a provider is asked no more
    breaker_open_s: int = 30  # for how long; then one call probes
    tensordock_create_timeout_s: int = 60  # for the answer to a TensorDock launch, which is slow
    balance_every_s: int = 3_600  # shortest time between two looks at a provider's balance
    balance_low_usd: int = 5  # a smaller balance is a warning, and stops nothing
    balance_least_hours: int = 1  # a launch is refused when less of its price is left; 0: none is
    balance_fresh_s: int = 60  # a balance that was little longer ago is asked for again

    # Charges of providers beside our ledger.
    charges_days: int = 3  # whole UTC days compared with each run: providers bill late
    charges_drift_percent: int = 1  # a larger difference of a day is a warning
    charges_proof_s: int = 30  # what we bill besides, until a machine's end is proven

    # Spacing of calls to providers, by all functions together; an interval of 0 spaces nothing.
    vastai_create_interval_ms: int = 4_500  # between two launches at Vast.ai
    vastai_destroy_interval_ms: int = 3_000  # between two terminates at Vast.ai
    vastai_find_interval_ms: int = 2_000  # between two lookups of an instance at Vast.ai
    vastai_list_interval_ms: int = 1_000  # between two pages of instances at Vast.ai
    vastai_attach_interval_ms: int = 1_000  # between two SSH keys put on machines at Vast.ai
    vastai_charges_interval_ms: int = 1_000  # between two pages of charges at Vast.ai
    vastai_templates_interval_ms: int = 3_000  # between two lists of templates at Vast.ai
    vastai_search_interval_ms: int = 0  # between two of the hundreds of pages of its offers
    tensordock_interval_ms: int = 1_000  # between two calls of any kind at TensorDock
    pace_margin_ms: int = 250  # added to each interval above 0: calls do not arrive evenly
    pace_wait_s: int = 5  # longest that a call waits for its turn; else it is not sent
    pace_launch_wait_s: int = 10  # likewise a launch; it is tried again when its turn may come
    pace_refresh_wait_s: int = 120  # likewise each call of an inventory refresh, which gives way
    pace_terminate_wait_s: int = 45  # longest that a terminate waits; then it is sent anyway
