"""Rented machines, whatever the provider: what they are, what they cost, who ended them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.clock import Timer, rfc3339
from simulator.journal import redacted

if TYPE_CHECKING:
    from simulator.entrypoint import HttpEndpoint
    from simulator.ssh.endpoint import SshEndpoint

MICRO = 1_000_000
_HOUR_S = 3600.0


@dataclass(frozen=True)
class Hardware:
    """What `nvidia-smi` and friends show inside the machine. Memory in MB, power in W."""

    gpu_name: str
    gpus: int
    memory_mb: int
    power_w: int
    compute_cap: int
    driver: str
    cuda: float | None
    disk_gb: float
    cpu_name: str
    cpu_cores: int
    ram_mb: int
    bus_offset: int


@dataclass
class InstalledKey:
    """A public key on a machine: opens the door from `usable_s` on (None: never), for `user` only.

    `user` None: for whoever may log in.
    """

    id: int
    line: str
    usable_s: float | None
    created_s: float
    user: str | None = None


@dataclass(frozen=True)
class Words:
    """What a provider calls a machine that it could not make, and one that died by itself."""

    failed: str = "created"
    dead: str = "exited"


@dataclass
class Fate:
    """What faults decided about a machine; the life cycle obeys."""

    stuck: bool = False
    create_error: str | None = None
    price_factor: float | None = None
    resurrect_after_s: float | None = None


@dataclass
class Inside:
    """What can be set about the inside of a machine to try the diagnostics."""

    util_pct: float = 0.0
    disk_used_pct: float = 6.0
    oom: bool = False
    cuda_version: float | None = None
    missing_gpus: int = 0


@dataclass
class Span:
    """A stretch of time at one price; `end_s` None while it lasts."""

    start_s: float
    micro_per_hour: int
    end_s: float | None = None

    def length_s(self, now_s: float) -> float:
        """Seconds so far."""
        return (now_s if self.end_s is None else self.end_s) - self.start_s


@dataclass
class Instance:
    """One rental. Times in epoch seconds, prices in micro-dollars per hour.

    From `address_s` on the provider tells its address.
    """

    id: int
    provider: str
    label: str | None
    offer_id: str
    hardware: Hardware
    request: dict[str, Any]
    created_s: float
    disk_gb: float
    status: str | None = None
    wanted: str = "running"
    status_msg: str | None = None
    started_s: float | None = None
    ended_s: float | None = None
    ended_by: str | None = None
    destroy_asked_s: float | None = None
    words: Words = field(default_factory=Words)
    address_s: float = 0.0
    hidden: bool = False
    removed: bool = False
    keys: list[InstalledKey] = field(default_factory=list)
    fate: Fate = field(default_factory=Fate)
    inside: Inside = field(default_factory=Inside)
    ssh: SshEndpoint | None = None
    ports: list[HttpEndpoint] = field(default_factory=list)
    serves_http: bool = False
    boot_timer: Timer | None = None
    timers: list[Timer] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    ssh_mode: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    image: str = ""

    @property
    def alive(self) -> bool:
        """Whether it exists and costs."""
        return self.ended_s is None

    @property
    def price_micro(self) -> int:
        """The price per hour in force, or the last that was."""
        return self.spans[-1].micro_per_hour

    def reprice(self, at_s: float, per_hour_micro: int) -> None:
        """From `at_s` on it costs this much."""
        self.stop_billing(at_s)
        self.spans.append(Span(at_s, per_hour_micro))

    def stop_billing(self, at_s: float) -> None:
        """No cost from `at_s` on."""
        if self.spans and self.spans[-1].end_s is None:
            self.spans[-1].end_s = at_s

    def seconds(self, now_s: float) -> int:
        """Billed seconds: from acceptance to the real end, rounded to the second."""
        return round(sum(span.length_s(now_s) for span in self.spans))

    def billed_micro(self, now_s: float) -> int:
        """What it has cost so far, by the prices that were in force."""
        parts = (span.length_s(now_s) * span.micro_per_hour for span in self.spans)
        return round(sum(parts) / _HOUR_S)

    def usable_keys(self, now_s: float, user: str) -> list[str]:
        """The public key lines that open the door for `user` now."""
        mine = (key for key in self.keys if key.user in (None, user))
        return [k.line for k in mine if k.usable_s is not None and k.usable_s <= now_s]

    def truth(self, now_s: float) -> dict[str, Any]:
        """What `/_test/instances` says, also about what the provider hides."""
        return {
            "id": str(self.id),
            "instance_id": str(self.id),
            "provider": self.provider,
            "label": self.label,
            "status": self.status if self.alive else "gone",
            "alive": self.alive,
            "offer_id": self.offer_id,
            "gpu_type": self.hardware.gpu_name,
            "gpu_count": self.hardware.gpus,
            "price_per_hour": self.price_micro / MICRO,
            "created": rfc3339(self.created_s),
            "ended": rfc3339(self.ended_s),
            "ended_by": self.ended_by,
            "destroy_asked": rfc3339(self.destroy_asked_s),
            "billed_usd": self.billed_micro(now_s) / MICRO,
            "keys": [key.line for key in self.keys],
            "hidden": self.hidden,
            "removed": self.removed,
            "ssh_port": self.ssh.port if self.ssh else None,
            "ssh_open": bool(self.ssh and self.ssh.is_open),
            "ports": {str(end.inside_port): end.port for end in self.ports},
            "host_key": self.ssh.host_key_line if self.ssh else None,
            "request": redacted(self.request),
        }
