"""Answers: sessions, offers and keys as callers see them. Nothing secret has a field here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from gpu_shopper.core.api_keys import ApiKey
from gpu_shopper.core.costs import attempt_cost, session_cost
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.inventory import Shown as ShownOffer
from gpu_shopper.core.money import to_usd
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.ssh_keys import fingerprint, known_hosts_line
from gpu_shopper.edge.bodies import Shown


def _at(instant: datetime | None) -> str | None:
    return to_text(instant) if instant else None


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else to_usd(microusd)


class OfferBody(Shown):
    """One offer."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "vram_gb",
            "country",
            "reliability",
            "cuda_version",
            "machine_id",
            "price_percentile_7d",
        }
    )

    id: str
    provider: str
    provider_id: str
    gpu_type: str
    gpu_name_raw: str
    gpu_count: int
    vram_gb: int | None
    price_per_hour: float
    location: str
    country: str | None
    reliability: float | None
    available: bool = True
    max_duration_hours: int
    fetched_at: str
    availability_confidence: float
    cuda_version: float | None
    machine_id: str | None
    interruptible: bool = False
    price_percentile_7d: int | None = None
    inet_up_usd_per_gb: float | None = None
    inet_down_usd_per_gb: float | None = None

    @classmethod
    def of(cls, shown: ShownOffer) -> OfferBody:
        """The offer at the instant for which its confidence was computed."""
        offer = shown.offer
        return cls(
            id=offer.id,
            provider=offer.provider,
            provider_id=offer.provider_id,
            gpu_type=offer.gpu_type,
            gpu_name_raw=offer.gpu_name_raw,
            gpu_count=offer.gpu_count,
            vram_gb=offer.vram_gb,
            price_per_hour=to_usd(offer.price_microusd_per_hour),
            location=offer.location,
            country=offer.country,
            reliability=offer.reliability,
            max_duration_hours=offer.max_duration_hours,
            fetched_at=to_text(shown.fetched_at),
            availability_confidence=round(shown.confidence, 6),
            cuda_version=offer.cuda_version,
            machine_id=offer.machine_id,
            inet_up_usd_per_gb=_usd(offer.inet_up_microusd_per_gb),
            inet_down_usd_per_gb=_usd(offer.inet_down_microusd_per_gb),
        )


class ProviderBody(Shown):
    """How fresh one provider's part of an answer is."""

    fetched_at: str | None = None
    status: str
    error: str | None = None


class InventoryBody(Shown):
    """One page of offers."""

    offers: list[OfferBody]
    count: int
    total: int
    limit: int
    offset: int
    providers: dict[str, ProviderBody]


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
    def of(cls, attempt: Attempt, now: datetime) -> AttemptBody:
        """The attempt, with its cost up to `now`."""
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
            launched_at=_at(attempt.launched_at),
            ready_at=_at(attempt.ready_at),
            ended_at=_at(attempt.ended_at),
            outcome=attempt.outcome.value,
            reason=attempt.reason.value if attempt.reason else None,
            cost_usd=to_usd(attempt_cost(attempt, now)),
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
    disk_gb: int
    docker_image: str | None
    has_on_start_cmd: bool
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
    attempts: list[AttemptBody]
    retry_count: int
    failed_offers: list[str]
    created_at: str
    updated_at: str
    ready_at: str | None
    expires_at: str
    hard_max_at: str
    stopping_at: str | None
    stopped_at: str | None
    warnings: list[NoticeBody]

    @classmethod
    def of(cls, session: Session, now: datetime) -> SessionBody:
        """The session as it is at `now`."""
        through = session.stopped_at or now
        return cls(
            **_identity(session),
            **_rental(session.attempt),
            **_asked(session),
            **_access(session.attempt),
            **_times(session),
            cost_usd=to_usd(session_cost(session, now)),
            cost_through=to_text(through),
            attempts=[AttemptBody.of(one, now) for one in session.attempts],
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
        "max_price": _usd(wish.max_price_microusd_per_hour),
        "disk_gb": wish.disk_gb,
        "docker_image": wish.docker_image,
        "has_on_start_cmd": wish.on_start_cmd is not None,
        "ssh_timeout_minutes": wish.ssh_timeout_min,
        "ssh_key_source": wish.ssh_key_source,
    }


def _access(attempt: Attempt) -> dict[str, Any]:
    address, key = attempt.ssh, attempt.host_key
    pinned = key is not None and address is not None
    return {
        "ssh_host": address.host if address else None,
        "ssh_port": address.port if address else None,
        "ssh_user": address.user if address else None,
        "ssh_host_key_fingerprint": fingerprint(key) if key else None,
        "known_hosts": known_hosts_line(address.host, address.port, key)
        if pinned and address and key
        else None,
        "host_key_source": "first_use" if key else None,
        "host_key_changed": attempt.host_key_changed,
        "port_map": {
            str(port): {"host": to.host, "port": to.port} for port, to in attempt.port_map.items()
        },
    }


def _times(session: Session) -> dict[str, Any]:
    return {
        "created_at": to_text(session.created_at),
        "updated_at": to_text(session.updated_at),
        "ready_at": _at(session.ready_at),
        "expires_at": to_text(session.expires_at),
        "hard_max_at": to_text(session.hard_max_at),
        "stopping_at": _at(session.stopping_at),
        "stopped_at": _at(session.stopped_at),
    }


class CreatedBody(Shown):
    """The new session; the private key is in this answer and in no other."""

    session: SessionBody
    ssh_private_key: str | None = None


class SessionsBody(Shown):
    """One page of sessions, newest first."""

    sessions: list[SessionBody]
    count: int
    next_cursor: str | None = None


class StopBody(Shown):
    """What was asked for; the work goes on in the teardown machine."""

    message: str
    session_id: str
    status: str


class ExtendedBody(Shown):
    """The new end of a session."""

    message: str = "session extended"
    session_id: str
    new_expires_at: str
    reservation_hours: int


class KeyBody(Shown):
    """An API key without its secret."""

    id: str
    role: str
    consumer_id: str | None
    name: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyBody:
        """The key as operators see it."""
        return cls(
            id=key.id,
            role=key.role.value,
            consumer_id=key.consumer_id,
            name=key.name,
            created_at=to_text(key.created_at),
            created_by=key.created_by,
            expires_at=_at(key.expires_at),
            revoked_at=_at(key.revoked_at),
            last_used_at=_at(key.last_used_at),
        )


class NewKeyBody(Shown):
    """A new key; its text is in this answer and in no other."""

    key: KeyBody
    api_key: str


class KeysBody(Shown):
    """One page of keys."""

    keys: list[KeyBody]
    count: int
    next_cursor: str | None = None


class RevokedBody(Shown):
    """A key that is not valid any more."""

    message: str = "key revoked"
    key_id: str
    revoked_at: str


class HealthBody(Shown):
    """How the deployment's parts are doing."""

    status: str
    timestamp: str
    version: str
    services: dict[str, str]


class ReadyBody(Shown):
    """Whether the deployment is ready, and what it waits for."""

    ready: bool
    timestamp: str
    waiting_for: list[str] | None = None
