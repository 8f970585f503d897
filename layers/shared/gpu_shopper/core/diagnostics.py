"""What our checks over SSH learn of a machine: GPUs, CUDA, disk, memory.

A check that failed or was too slow, and an output nobody can read, are unknown (None), never a
finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gpu_shopper.core.normalise import provider_text

LOW_DISK_PERCENT = 90
HOT_C = 90
MAX_ENTRIES = 32
"""GPUs, mounts or processes kept of one machine."""
NAME_CHARS = 128


class Check(StrEnum):
    """What is asked of a machine after a login."""

    GPUS = "gpus"
    DISK = "disk"
    CUDA = "cuda"
    OOM = "oom"


COMMANDS: Mapping[Check, str] = {
    Check.GPUS: (
        "nvidia-smi --query-gpu=name,memory.used,memory.total,utilization.gpu,"
        "temperature.gpu,power.draw --format=csv,noheader,nounits || true"
    ),
    Check.DISK: "df -BG || true",
    Check.CUDA: "nvidia-smi || true",
    Check.OOM: "dmesg -T",
}
"""In the order in which they are run: what decides about a machine comes first.

Only of `dmesg` does the exit status matter, because no output may mean that all is well. The others
may say something although they fail, such as that there is no GPU.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU; `healthy` is None when its temperature or memory is unknown."""

    name: str
    memory_used_mb: int | None = None
    memory_total_mb: int | None = None
    utilization_pct: Decimal | None = None
    temperature_c: int | None = None
    power_w: Decimal | None = None
    healthy: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted file system."""

    path: str
    size_gb: int
    used_pct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """`available_gb` of the mount `/`, else of the one with most; `low`: one is over 90 % full."""

    available_gb: int
    mounts: tuple[Mount, ...]
    low: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Oom:
    """Whether the kernel ran out of memory, whom it killed, and when it last said so."""

    detected: bool
    processes: tuple[str, ...] = ()
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """What one check of a machine found; all but the first two None when there was no login."""

    checked_at: datetime
    ssh_available: bool
    gpus: tuple[Gpu, ...] | None = None
    cuda_version: Decimal | None = None
    driver_version: str | None = None
    disk: Disk | None = None
    oom: Oom | None = None


def diagnosed(answers: Mapping[Check, str | None], at: datetime) -> Diagnostics:
    """What the outputs of the checks say; a missing one is unknown."""
    smi = answers.get(Check.CUDA)
    return Diagnostics(
        checked_at=at,
        ssh_available=True,
        gpus=gpus_of(answers.get(Check.GPUS)),
        cuda_version=cuda_of(smi),
        driver_version=driver_of(smi),
        disk=disk_of(answers.get(Check.DISK)),
        oom=oom_of(answers.get(Check.OOM)),
    )


_NO_GPU = re.compile(r"no devices (?:were )?found", re.IGNORECASE)


def gpus_of(text: str | None) -> tuple[Gpu, ...] | None:
    """The GPUs in nvidia-smi's CSV without header and units; none only if it says so itself."""
    if text is None:
        return None
    if _NO_GPU.search(text):
        return ()
    found = [gpu for line in text.splitlines() if (gpu := _gpu(line)) is not None]
    return tuple(found[:MAX_ENTRIES]) or None


def _gpu(line: str) -> Gpu | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) < 6 or not fields[0]:
        return None
    used, total, temperature = (_whole(fields[at]) for at in (1, 2, 4))
    return Gpu(
        name=provider_text(fields[0], NAME_CHARS),
        memory_used_mb=used,
        memory_total_mb=total,
        utilization_pct=_number(fields[3]),
        temperature_c=temperature,
        power_w=_number(fields[5]),
        healthy=_healthy(used, total, temperature),
    )


def _healthy(used: int | None, total: int | None, temperature: int | None) -> bool | None:
    if used is None or total is None or temperature is None:
        return None
    return temperature < HOT_C and used < total


def _number(text: str) -> Decimal | None:
    """A plain number; `[N/A]` and other words are unknown."""
    if not re.fullmatch(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?", text, re.ASCII):
        return None
    return Decimal(text)


def _whole(text: str) -> int | None:
    found = _number(text)
    return None if found is None else int(found)


_CUDA = re.compile(r"CUDA Version: *([0-9]{1,3}\.[0-9]{1,3})", re.IGNORECASE)
_BARE = re.compile(r"\s*([0-9]{1,3}\.[0-9]{1,3})\s*")
_DRIVER = re.compile(r"Driver Version: *([0-9][0-9.]{0,30})", re.IGNORECASE)


def cuda_of(text: str | None) -> Decimal | None:
    """The version in `CUDA Version: X.Y`, or in a bare `X.Y`."""
    found = _CUDA.search(text or "") or _BARE.fullmatch(text or "")
    return Decimal(found[1]) if found else None


def driver_of(text: str | None) -> str | None:
    """The version in `Driver Version: …`."""
    found = _DRIVER.search(text or "")
    return found[1] if found else None


_NOT_DISKS = ("tmpfs", "devtmpfs", "udev")
_NOT_OURS = ("/boot", "/boot/efi")


def disk_of(text: str | None) -> Disk | None:
    """What `df -BG` says of real disks; unknown when it shows none."""
    rows = [row for line in (text or "").splitlines() if (row := _df_row(line)) is not None]
    if not rows:
        return None
    root = [available for available, mount in rows if mount.path == "/"]
    return Disk(
        available_gb=root[0] if root else max(available for available, _ in rows),
        mounts=tuple(mount for _, mount in rows[:MAX_ENTRIES]),
        low=any(mount.used_pct > LOW_DISK_PERCENT for _, mount in rows),
    )


def _df_row(line: str) -> tuple[int, Mount] | None:
    """Available GB and the mount of one line; None for headers, other lines and what is no disk."""
    columns = line.split(maxsplit=5)
    if len(columns) < 6 or columns[0] in _NOT_DISKS:
        return None
    path = columns[5].strip()
    if path in _NOT_OURS or path == "/snap" or path.startswith("/snap/"):
        return None
    size, available = (_whole(columns[at].removesuffix("G")) for at in (1, 3))
    used = _whole(columns[4].removesuffix("%"))
    if size is None or available is None or used is None:
        return None
    return available, Mount(path=provider_text(path, NAME_CHARS), size_gb=size, used_pct=used)


_HIT = re.compile(r"\boom|out of memory|killed process", re.IGNORECASE)
_KILLED = re.compile(r"killed process [0-9]+ \(([^)\n]{1,64})\)", re.IGNORECASE)
_STAMP = re.compile(r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4})\]", re.ASCII)


def oom_of(text: str | None) -> Oom | None:
    """What `dmesg -T` says of memory that ran out; unknown when it could not be read."""
    if text is None:
        return None
    hits = [line for line in text.splitlines() if _HIT.search(line)]
    names = dict.fromkeys(
        provider_text(found[1], NAME_CHARS) for line in hits if (found := _KILLED.search(line))
    )
    stamps = [at for line in hits if (at := _stamp(line)) is not None]
    return Oom(
        detected=bool(hits),
        processes=tuple(names)[:MAX_ENTRIES],
        last_at=stamps[-1] if stamps else None,
    )


def _stamp(line: str) -> datetime | None:
    found = _STAMP.search(line)
    if found is None:
        return None
    try:
        return datetime.strptime(f"{found[1]} +0000", "%a %b %d %H:%M:%S %Y %z")
    except ValueError:
        return None


def too_little_disk(found: Diagnostics, weights_gb: Decimal | None) -> bool:
    """Whether the model's weights alone do not fit; unknown sizes never say so."""
    if found.disk is None or weights_gb is None:
        return False
    return found.disk.available_gb < weights_gb


def missing_gpus(found: Diagnostics, paid_for: int) -> int:
    """How many GPUs fewer than paid for the machine itself names; unknown is none."""
    return 0 if found.gpus is None else max(0, paid_for - len(found.gpus))
