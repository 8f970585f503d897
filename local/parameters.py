"""Template parameters of a local deployment: samconfig's local stage, and what only a run knows."""

from __future__ import annotations

import secrets
import shlex
import string
import tomllib
from pathlib import Path
from typing import Any

from local.endpoints import write_private

_ID_CHARACTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 8


def local_stage(samconfig: Path) -> dict[str, str]:
    """The parameter overrides of the stage `local`, so that every number exists once."""
    stages: dict[str, Any] = tomllib.loads(samconfig.read_text("utf-8"))
    written = stages["local"]["deploy"]["parameters"].get("parameter_overrides", [])
    if isinstance(written, dict):
        return {name: str(value) for name, value in written.items()}
    words = shlex.split(written) if isinstance(written, str) else written
    return dict(word.split("=", 1) for word in words)


def deployment_id(file: Path) -> str:
    """This checkout's id: made once, kept as long as `.local` is."""
    if not file.exists():
        made = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
        write_private(file, made + "\n")
    return file.read_text().strip()
