"""`python -m reference` writes what follows from code; `--check` says what is stale."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from reference import agent, metrics, openapi, settings, states, watching

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/metrics.md": metrics.text,
    "docs/openapi.json": openapi.text,
    "docs/settings.md": settings.text,
    "docs/states.md": states.text,
    "layers/shared/gpu_shopper/core/agent_program.py": agent.text,
    "template.yaml": watching.text,
}


def stale() -> list[str]:
    """The documents that differ from what would be written now."""
    return [name for name, text in DOCUMENTS.items() if _written(name) != text()]


def write() -> None:
    """Write every document anew."""
    for name, text in DOCUMENTS.items():
        (ROOT / name).write_text(text(), "utf-8")


def _written(name: str) -> str:
    file = ROOT / name
    return file.read_text("utf-8") if file.exists() else ""


def main(arguments: list[str]) -> int:
    """The exit status: 1 when `--check` finds a stale document."""
    if "--check" not in arguments:
        write()
        return 0
    found = stale()
    for name in found:
        print(f"{name} is stale: `make docs` writes it anew")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
