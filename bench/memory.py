"""How much memory one snapshot takes in a function, told by a process that does nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from gpu_shopper.store.snapshots import unpack


def taken_mb(packed: bytes) -> tuple[float, float]:
    """Megabytes that a function holds after reading the object, and at most while it reads."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(packed)
        file.flush()
        command = [sys.executable, "-m", "bench.memory", file.name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept, most = said.split()
    return float(kept), float(most)


def main(file: str) -> None:
    """Read one object and print what it took."""
    packed = Path(file).read_bytes()
    before = _status_kb("VmRSS")
    snapshot = unpack("vastai", "g1", packed)
    if not snapshot.by_price:
        raise ValueError("an empty snapshot tells nothing")
    kept, most = _status_kb("VmRSS") - before, _status_kb("VmHWM") - before
    print(f"{kept / 1_024:.1f} {most / 1_024:.1f}")


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main(sys.argv[1])
