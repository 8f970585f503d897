"""`make bench`: what the product promises in numbers, measured; 1 when a goal is missed.

With names of parts as arguments, only those: imports, peers, inventory, search, lifecycle,
boots, seeds, cost, deployed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

from bench import boots, deployed, imports, inventory, lifecycle, search, seeds
from bench.cost import report
from local import paths

PEERS_PYTHON = paths.STATE / "venvs" / "bench" / "bin" / "python"


def against_peers() -> int:
    """Measure in the environment that has gpuhunt; 1 when a goal is missed."""
    found = f"{paths.ROOT}:{paths.ROOT / 'layers' / 'shared'}"
    command = ["env", f"PYTHONPATH={found}", str(PEERS_PYTHON), "-m", "bench.peers"]
    return subprocess.run(command, check=False).returncode


PARTS: Mapping[str, Callable[[], int]] = {
    "imports": imports.main,
    "peers": against_peers,
    "inventory": inventory.main,
    "search": search.main,
    "lifecycle": lifecycle.main,
    "boots": boots.main,
    "seeds": seeds.main,
    "cost": report.main,
    "deployed": deployed.main,
}


def main(names: list[str]) -> int:
    """Measure the parts named, or all, one after the other."""
    return max(PARTS[name]() for name in names or PARTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
