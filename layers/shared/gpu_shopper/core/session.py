"""A session and its attempts, as values; `core.life` is what changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gpu_shopper.core.diagnostics import Diagnostics
from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.instances import HostPort, SshAddress
from gpu_shopper.core.states import TERMINAL, EndReason, State


class Outcome(StrEnum):
    """How an attempt stands; the words shown to callers."""

    ACTIVE = "active"
    ENDING = "ending"
    READY = "ready"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


class RetryScope(StrEnum):
    """Which other offers a further attempt may rent."""

    SAME_GPU = "same_gpu"
    SAME_VRAM = "same_vram"
    ANY = "any"


class StoragePolicy(StrEnum):
    """Whether an orderly end destroys the machine at once, or leaves time to save its data."""

    DESTROY = "destroy"
    PRESERVE = "preserve"


class LaunchState(StrEnum):
    """What is known of an attempt's one launch call."""

    PLANNED = "planned"
    CALLED = "called"
    THROTTLED = "throttled"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Progress of the SSH verification of one attempt; carried in the item, not in a function.

    `polls` counts since the address last changed. `auth_refusals` counts refusals in a
    row after the grace.
    """

    polls: int = 0
    failed_polls: int = 0
    reached_at: datetime | None = None
    auth_refusals: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierPrice:
    """What an attempt's machine cost per hour until its provider was seen to change it."""

    microusd_per_hour: int
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one offer: the machine it may have rented, and what became of it.

    `accepted_microusd_per_hour` is the offer's price, with the session's disk, when it was chosen;
    None in items that an earlier version wrote. `price_microusd_per_hour` is what counts now;
    what counted before is in `earlier_prices`, oldest first.
    `host_key` is the pinned one, `type base64`; its source `injected` (made by us) or `first_use`.
    `host_key_seen` is False until the machine has shown it. `cuda_version` is what the offer said,
    `diagnostics` what the last check found. `agent_token_sha256` is of the token that its machine
    was given.
    """

    number: int
    label: str
    offer_id: str
    provider: str
    provider_offer_id: str
    gpu_type: str
    gpu_count: int
    vram_gb: int | None = None
    location: str
    price_microusd_per_hour: int
    started_at: datetime
    machine_id: str | None = None
    accepted_microusd_per_hour: int | None = None
    price_source: str = "offer"
    earlier_prices: tuple[EarlierPrice, ...] = ()
    launch: LaunchState = LaunchState.PLANNED
    launch_tries: int = 0
    called_at: datetime | None = None
    call_ended_at: datetime | None = None
    lookups: int = 0
    unlisted_at: datetime | None = None
    instance_id: str | None = None
    launched_at: datetime | None = None
    keys_attached: bool = False
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome = Outcome.ACTIVE
    reason: EndReason | None = None
    error: str | None = None
    failed_at: datetime | None = None
    ssh: SshAddress | None = None
    port_map: Mapping[int, HostPort] = field(default_factory=dict)
    host_key: str | None = None
    host_key_source: str | None = None
    host_key_seen: bool = False
    host_key_changed: bool = False
    diagnostics: Diagnostics | None = None
    cuda_version: Decimal | None = None
    agent_token_sha256: str | None = field(default=None, repr=False)
    verification: Verification = Verification()
    missing_since: datetime | None = None
    failed_since: datetime | None = None

    @property
    def maybe_rented(self) -> bool:
        """True when a launch was sent and its refusal is not certain."""
        return self.launch in (LaunchState.CALLED, LaunchState.ACCEPTED)

    @property
    def has_failed(self) -> bool:
        """True once it can only end: its machine, if there is one, is being torn down."""
        return self.outcome is Outcome.FAILED

    @property
    def accepted_price(self) -> int:
        """Micro-dollars per hour that were agreed to when the offer was chosen."""
        return self.accepted_microusd_per_hour or self.price_microusd_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTemplate:
    """What later attempts must know of a template, as it was when the session was created.

    `onstart` is its start script, `extra_filters` the conditions that an offer must meet.
    """

    hash_id: str
    name: str
    onstart: str | None = None
    extra_filters: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asked for, defaults filled in; never changes."""

    workload_type: str
    offer_id: str
    disk_gb: int
    ssh_timeout_min: int
    ssh_public_key: str
    ssh_key_source: str
    max_price_microusd_per_hour: int | None = None
    auto_retry: bool = False
    max_retries: int = 0
    retry_scope: RetryScope = RetryScope.SAME_GPU
    docker_image: str | None = None
    template: ChosenTemplate | None = None
    on_start_cmd: str | None = field(default=None, repr=False)
    model_id: str | None = None
    quantization: str | None = None
    launch_mode: LaunchMode = LaunchMode.SSH
    exposed_ports: tuple[int, ...] = ()
    health_path: str = "/"
    agent: bool = False
    idle_threshold_min: int = 0
    storage_policy: StoragePolicy = StoragePolicy.DESTROY
    drain_min: int | None = None

    @property
    def serves_http(self) -> bool:
        """Whether the machine runs its image's own entrypoint, and no SSH server."""
        return self.launch_mode is LaunchMode.ENTRYPOINT

    @property
    def start_up(self) -> str | None:
        """What has to run at the start: the caller's command, which replaces the template's."""
        return self.on_start_cmd or (self.template.onstart if self.template else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the caller should know and that ended nothing."""

    code: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One rental request. `version` counts the writes of the item.

    While `drains` the session is `stopping` and its machine stays; `drain_until` is when that ends,
    or has ended.
    """

    id: str
    consumer_id: str
    deployment_id: str
    state: State
    version: int
    created_at: datetime
    updated_at: datetime
    state_entered_at: datetime
    expires_at: datetime
    hard_max_at: datetime
    reservation_hours: int
    hard_max_hours: int
    wish: Wish
    attempts: tuple[Attempt, ...]
    end_reason: EndReason | None = None
    fails_when_gone: bool = False
    error: str | None = None
    ready_at: datetime | None = None
    stopping_at: datetime | None = None
    drains: bool = False
    drain_until: datetime | None = None
    stopped_at: datetime | None = None
    next_step_at: datetime | None = None
    next_check_at: datetime | None = None
    expiry_told: datetime | None = None
    restarts: int = 0
    teardown_rounds: int = 0
    terminate_asked_at: datetime | None = None
    stop_delay_noted: bool = False
    probe_public_key: str | None = None
    probe_key_sealed: str | None = field(default=None, repr=False)
    agent_token_sha256: str | None = field(default=None, repr=False)
    agent_looked_for: bool = False
    warnings: tuple[Notice, ...] = ()

    @property
    def attempt(self) -> Attempt:
        """The current, that is the last, attempt."""
        return self.attempts[-1]

    @property
    def api(self) -> HostPort | None:
        """Where the first exposed port can be reached, once the provider has told it."""
        ports = self.wish.exposed_ports
        return self.attempt.port_map.get(ports[0]) if ports else None

    @property
    def is_live(self) -> bool:
        """True until the end is proven."""
        return self.state not in TERMINAL

    @property
    def teardown_at(self) -> datetime:
        """When the machine of a `stopping` session began, or will begin, to be ended."""
        return self.drain_until or self.stopping_at or self.state_entered_at

    @property
    def is_tearing_down(self) -> bool:
        """True while the current attempt's machine is being ended.

        In `provisioning` that is the machine of a failed attempt: another attempt may follow.
        """
        failed = self.state is State.PROVISIONING and self.attempt.has_failed
        return failed or (self.state is State.STOPPING and not self.drains)
