"""`make bench`: how long each API function takes to import, against what it cannot do without.

A cold start pays for every import. The measure is a fresh interpreter's time for `import`, the
median of several, in turns so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 9
LIMIT = 1.3
MUST = (
    "import boto3, pydantic;"
    " from aws_lambda_powertools.event_handler import APIGatewayRestResolver;"
    " APIGatewayRestResolver(enable_validation=True)"
)
FUNCTIONS = ("inventory_api", "sessions_api", "operator_api", "webhooks_api", "authorizer")
_MEASURE = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def import_s(statement: str) -> float:
    """Seconds that a fresh interpreter needs for `statement`."""
    command = [sys.executable, "-c", _MEASURE.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def imports_paramiko(statement: str) -> bool:
    """Whether `statement` loads paramiko, which only the SSH check may pay for."""
    command = [sys.executable, "-c", f"import sys; {statement}; print('paramiko' in sys.modules)"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return said.strip() == "True"


def main() -> int:
    """Print the table; 1 when a function takes more than LIMIT times what it must."""
    statements = {"what it must": MUST} | {
        name: f"import functions.{name}.app" for name in FUNCTIONS
    }
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(ROUNDS):
        for name, statement in statements.items():
            seconds[name].append(import_s(statement))
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    must_s = medians["what it must"]
    print(f"import time, median of {ROUNDS}; at most {LIMIT} times what it must")
    for name, median_s in medians.items():
        print(f"  {name:<14} {1000 * median_s:6.0f} ms  {median_s / must_s:5.2f}")
    with_paramiko = [name for name, each in statements.items() if imports_paramiko(each)]
    print(f"  with paramiko: {', '.join(with_paramiko) or 'none'}")
    return int(bool(with_paramiko) or max(medians.values()) > LIMIT * must_s)


if __name__ == "__main__":
    sys.exit(main())
