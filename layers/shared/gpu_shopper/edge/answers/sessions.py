"""Sessions and their attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from gpu_shopper.core.costs import attempt_cost
from gpu_shopper.core.entrypoint import api_url
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import to_usd
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.ssh_keys import fingerprint, known_hosts_line
from gpu_shopper.edge.answers.heartbeats import told_of
from gpu_shopper.edge.answers.values import Shown, instant, usd
from gpu_shopper.usecases.agents import Reported
from gpu_shopper.usecases.costs import SessionCost


class AttemptBody(Shown):
    """One try at one offer."""

    number: int
    offer_id: str
    provider: str
    gpu_type: str
    instance_id: str | None
    label: str
    machine_id: str | None
    price_per_hour: float
    started_at: str
    launched_at: str | None
    ready_at: str | None
    ended_at: str | None
    outcome: str
    reason: str | None
    cost_usd: float

    @classmethod
    def of(cls, attempt: Attempt, through: datetime) -> AttemptBody:
        """The attempt, with its cost up to `through`."""
        return cls(
            number=attempt.number,
            offer_id=attempt.offer_id,
            provider=attempt.provider,
            gpu_type=attempt.gpu_type,
            instance_id=attempt.instance_id,
            label=attempt.label,
            machine_id=attempt.machine_id,
            price_per_hour=to_usd(attempt.price_microusd_per_hour),
            started_at=to_text(attempt.started_at),
            launched_at=instant(attempt.launched_at),
            ready_at=instant(attempt.ready_at),
            ended_at=instant(attempt.ended_at),
            outcome=attempt.outcome.value,
            reason=attempt.reason.value if attempt.reason else None,
            cost_usd=to_usd(attempt_cost(attempt, through)),
        )


class NoticeBody(Shown):
    """Something the caller should know."""

    code: str
    message: str
    at: str


class SessionBody(Shown):
    """A session; keys, ciphertexts and commands are never part of it."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"vram_gb"})

    id: str
    consumer_id: str
    deployment_id: str
    status: str
    end_reason: str | None
    error: str | None
    offer_id: str
    provider: str
    provider_instance_id: str | None
    gpu_type: str
    gpu_count: int
    vram_gb: int | None
    location: str
    price_per_hour: float
    price_source: str
    cost_usd: float
    cost_through: str
    workload_type: str
    reservation_hours: int
    hard_max_hours: int
    max_price: float | None
    auto_retry: bool
    max_retries: int
    retry_scope: str
    disk_gb: int
    model_id: str | None
    quantization: str | None
    launch_mode: str
    docker_image: str | None
    template_hash_id: str | None
    template_name: str | None
    exposed_ports: list[int]
    health_path: str | None
    has_on_start_cmd: bool
    idle_threshold_minutes: int
    agent: bool
    storage_policy: str
    drain_minutes: int | None
    ssh_timeout_minutes: int
    ssh_host: str | None
    ssh_port: int | None
    ssh_user: str | None
    ssh_key_source: str
    ssh_host_key_fingerprint: str | None
    known_hosts: str | None
    host_key_source: str | None
    host_key_changed: bool
    port_map: dict[str, dict[str, Any]]
    api_endpoint: str | None
    api_port: int | None
    attempts: list[AttemptBody]
    retry_count: int
    failed_offers: list[str]
    created_at: str
    updated_at: str
    ready_at: str | None
    expires_at: str
    hard_max_at: str
    stopping_at: str | None
    drain_until: str | None
    stopped_at: str | None
    agent_status: str | None
    last_heartbeat_at: str | None
    idle_seconds: int | None
    gpu_util_pct: float | None
    memory_used_mb: int | None
    warnings: list[NoticeBody]

    def nullable(self) -> frozenset[str]:
        """With a heartbeat that does not know them, its values are unknown and not absent."""
        return self.NULLABLE | (frozenset({"idle_seconds"}) if self.last_heartbeat_at else set())

    @classmethod
    def of(cls, session: Session, cost: SessionCost, told: Reported | None = None) -> SessionBody:
        """The session, with what is booked of its cost; `told` is what its agent last reported."""
        through = cost.through
        return cls(
            **_identity(session),
            **_rental(session.attempt),
            **_asked(session),
            **_access(session),
            **_times(session),
            **told_of(told),
            cost_usd=to_usd(cost.microusd),
            cost_through=to_text(through),
            attempts=[AttemptBody.of(one, through) for one in session.attempts],
            retry_count=len(session.attempts) - 1,
            failed_offers=[one.offer_id for one in session.attempts if one.reason],
            warnings=[
                NoticeBody(code=one.code, message=one.message, at=to_text(one.at))
                for one in session.warnings
            ],
        )


def _identity(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "consumer_id": session.consumer_id,
        "deployment_id": session.deployment_id,
        "status": session.state.value,
        "end_reason": session.end_reason.value if session.end_reason else None,
        "error": session.error,
    }


def _rental(attempt: Attempt) -> dict[str, Any]:
    return {
        "offer_id": attempt.offer_id,
        "provider": attempt.provider,
        "provider_instance_id": attempt.instance_id,
        "gpu_type": attempt.gpu_type,
        "gpu_count": attempt.gpu_count,
        "vram_gb": attempt.vram_gb,
        "location": attempt.location,
        "price_per_hour": to_usd(attempt.price_microusd_per_hour),
        "price_source": attempt.price_source,
    }


def _asked(session: Session) -> dict[str, Any]:
    wish = session.wish
    return {
        "workload_type": wish.workload_type,
        "reservation_hours": session.reservation_hours,
        "hard_max_hours": session.hard_max_hours,
        "max_price": usd(wish.max_price_microusd_per_hour),
        "auto_retry": wish.auto_retry,
        "max_retries": wish.max_retries,
        "retry_scope": wish.retry_scope.value,
        "disk_gb": wish.disk_gb,
        "model_id": wish.model_id,
        "quantization": wish.quantization,
        "launch_mode": wish.launch_mode.value,
        "docker_image": wish.docker_image,
        "template_hash_id": wish.template.hash_id if wish.template else None,
        "template_name": wish.template.name if wish.template else None,
        "exposed_ports": list(wish.exposed_ports),
        "health_path": wish.health_path if wish.serves_http else None,
        "has_on_start_cmd": wish.on_start_cmd is not None,
        "idle_threshold_minutes": wish.idle_threshold_min,
        "agent": wish.agent,
        "storage_policy": wish.storage_policy.value,
        "drain_minutes": wish.drain_min,
        "ssh_timeout_minutes": wish.ssh_timeout_min,
        "ssh_key_source": wish.ssh_key_source,
    }


def _access(session: Session) -> dict[str, Any]:
    attempt, api = session.attempt, session.api
    address = None if session.wish.serves_http else attempt.ssh
    key = attempt.host_key
    pinned = key is not None and address is not None
    return {
        "ssh_host": address.host if address else None,
        "ssh_port": address.port if address else None,
        "ssh_user": address.user if address else None,
        "ssh_host_key_fingerprint": fingerprint(key) if key else None,
        "known_hosts": known_hosts_line(address.host, address.port, key)
        if pinned and address and key
        else None,
        "host_key_source": (attempt.host_key_source or "first_use") if key else None,
        "host_key_changed": attempt.host_key_changed,
        "port_map": {
            str(port): {"host": to.host, "port": to.port} for port, to in attempt.port_map.items()
        },
        "api_endpoint": api_url(api.host, api.port) if api else None,
        "api_port": api.port if api else None,
    }


def _times(session: Session) -> dict[str, Any]:
    return {
        "created_at": to_text(session.created_at),
        "updated_at": to_text(session.updated_at),
        "ready_at": instant(session.ready_at),
        "expires_at": to_text(session.expires_at),
        "hard_max_at": to_text(session.hard_max_at),
        "stopping_at": instant(session.stopping_at),
        "drain_until": instant(session.drain_until),
        "stopped_at": instant(session.stopped_at),
    }


class SessionsBody(Shown):
    """One page of sessions, newest first."""

    sessions: list[SessionBody]
    count: int
    next_cursor: str | None = None
