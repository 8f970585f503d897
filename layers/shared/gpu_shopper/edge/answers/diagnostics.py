"""What the last check of a running session's machine found."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from gpu_shopper.core.diagnostics import Diagnostics, Disk, Gpu, Oom
from gpu_shopper.core.entrypoint import api_url
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Attempt, Session
from gpu_shopper.core.ssh_keys import fingerprint
from gpu_shopper.edge.answers.values import Shown, instant

NOTE = "values of the last check of the machine, see checked_at; this request asks it nothing"


class GpuBody(Shown):
    """One GPU, by the machine's own `nvidia-smi`."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "memory_used_mb",
            "memory_total_mb",
            "utilization_pct",
            "temperature_c",
            "power_w",
            "healthy",
        }
    )

    name: str
    memory_used_mb: int | None
    memory_total_mb: int | None
    utilization_pct: float | None
    temperature_c: int | None
    power_w: float | None
    healthy: bool | None

    @classmethod
    def of(cls, gpu: Gpu) -> GpuBody:
        """The GPU as it was."""
        return cls(
            name=gpu.name,
            memory_used_mb=gpu.memory_used_mb,
            memory_total_mb=gpu.memory_total_mb,
            utilization_pct=_number(gpu.utilization_pct),
            temperature_c=gpu.temperature_c,
            power_w=_number(gpu.power_w),
            healthy=gpu.healthy,
        )


class MountBody(Shown):
    """One mounted file system."""

    path: str
    size_gb: int
    used_pct: int


class DiskBody(Shown):
    """The machine's disks."""

    available_gb: int
    mounts: list[MountBody]
    low: bool

    @classmethod
    def of(cls, disk: Disk) -> DiskBody:
        """The disks as they were."""
        mounts = [
            MountBody(path=one.path, size_gb=one.size_gb, used_pct=one.used_pct)
            for one in disk.mounts
        ]
        return cls(available_gb=disk.available_gb, mounts=mounts, low=disk.low)


class OomBody(Shown):
    """Whether the machine ran out of memory."""

    detected: bool
    processes: list[str]
    last_at: str | None

    @classmethod
    def of(cls, oom: Oom) -> OomBody:
        """What the kernel said."""
        return cls(
            detected=oom.detected, processes=list(oom.processes), last_at=instant(oom.last_at)
        )


class HostKeyBody(Shown):
    """The machine's host key."""

    fingerprint: str | None
    source: str | None
    changed: bool

    @classmethod
    def of(cls, attempt: Attempt) -> HostKeyBody:
        """The pinned key, and whether the machine showed another one since."""
        key = attempt.host_key
        return cls(
            fingerprint=fingerprint(key) if key else None,
            source=(attempt.host_key_source or "first_use") if key else None,
            changed=attempt.host_key_changed,
        )


class DiagnosticsBody(Shown):
    """A running session and what the last check of its machine found."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"ssh_available"})

    session_id: str
    status: str
    provider: str
    gpu_type: str
    gpu_count: int
    ssh_host: str | None
    ssh_port: int | None
    ssh_user: str | None
    launch_mode: str
    api_endpoint: str | None
    created_at: str
    expires_at: str
    uptime: str
    uptime_seconds: int
    time_to_expiry: str
    ssh_available: bool | None
    checked_at: str | None
    gpus: list[GpuBody]
    cuda_version: float | None
    driver_version: str | None
    disk: DiskBody | None
    oom: OomBody | None
    host_key: HostKeyBody
    note: str

    @classmethod
    def of(cls, session: Session, now: datetime) -> DiagnosticsBody:
        """The session at `now`, its machine as it was checked last."""
        up = now - (session.ready_at or session.state_entered_at)
        return cls(
            **_where(session),
            **_found(session.attempt.diagnostics),
            created_at=to_text(session.created_at),
            expires_at=to_text(session.expires_at),
            uptime=spoken(up),
            uptime_seconds=max(0, int(up.total_seconds())),
            time_to_expiry=spoken(session.expires_at - now)
            if session.expires_at > now
            else "expired",
            host_key=HostKeyBody.of(session.attempt),
            note=NOTE,
        )


def spoken(length: timedelta) -> str:
    """`1h 30m`, or `30m` below an hour; whole minutes, cut off."""
    minutes = max(0, int(length.total_seconds()) // 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours}h {rest}m" if hours else f"{rest}m"


def _where(session: Session) -> dict[str, Any]:
    attempt, api = session.attempt, session.api
    address = None if session.wish.serves_http else attempt.ssh
    return {
        "session_id": session.id,
        "status": session.state.value,
        "provider": attempt.provider,
        "gpu_type": attempt.gpu_type,
        "gpu_count": attempt.gpu_count,
        "ssh_host": address.host if address else None,
        "ssh_port": address.port if address else None,
        "ssh_user": address.user if address else None,
        "launch_mode": session.wish.launch_mode.value,
        "api_endpoint": api_url(api.host, api.port) if api else None,
    }


def _found(found: Diagnostics | None) -> dict[str, Any]:
    return {
        "ssh_available": found.ssh_available if found else None,
        "checked_at": to_text(found.checked_at) if found else None,
        "gpus": [GpuBody.of(one) for one in (found.gpus or ())] if found else [],
        "cuda_version": _number(found.cuda_version) if found else None,
        "driver_version": found.driver_version if found else None,
        "disk": DiskBody.of(found.disk) if found and found.disk else None,
        "oom": OomBody.of(found.oom) if found and found.oom else None,
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
