"""The most memory that processes of functions have taken so far, beside what the template gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.cost import standing
from local import stack

PROCESSES = Path("/proc")
ROOM = 1.5
"""A function is given at least so many times what it was seen to take."""

BESIDE_MB = 20
"""What no local run has: certificates (2 MB, and 1 MB for each client of AWS), Lambda's own."""


def report(emulator_url: str) -> bool:
    """Print the table; True when a function has less than its share of room."""
    physical = stack.physical_ids(emulator_url)
    peaks = peaks_mb(emulator_url)
    took = {name: peaks[one] for name, one in physical.items() if one in peaks}
    given = {name: standing.memory_mb(name) for name in took}
    print(
        f"the most memory that a function's processes took, with {BESIDE_MB} MB for TLS and Lambda"
    )
    for name, mb in sorted(took.items(), key=lambda pair: -pair[1]):
        print(f"  {name:<26} {mb + BESIDE_MB:4.0f} of {given[name]} MB")
    return any(ROOM * (mb + BESIDE_MB) > given[name] for name, mb in took.items())


def peaks_mb(emulator_url: str, processes: Path = PROCESSES) -> Mapping[str, float]:
    """Function, by its physical name → megabytes of its largest process that is still there."""
    found: dict[str, float] = {}
    for process in processes.glob("[0-9]*"):
        try:
            name, mb = _function(process, emulator_url), _most_mb(process)
        except OSError:  # it has ended, or is somebody else's
            continue
        if name is not None:
            found[name] = max(mb, found.get(name, 0.0))
    return found


def _function(process: Path, emulator_url: str) -> str | None:
    """The function that this process runs for that emulator, if any."""
    lines = (process / "environ").read_bytes().decode(errors="replace").split("\0")
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    if environment.get("AWS_ENDPOINT_URL") != emulator_url:
        return None
    return environment.get("AWS_LAMBDA_FUNCTION_NAME")


def _most_mb(process: Path) -> float:
    lines = (process / "status").read_text().splitlines()
    kb = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return next(kb, 0) / 1_024
