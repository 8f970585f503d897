"""`.local/endpoints.json`: everything somebody needs to use what is up. Holds keys, hence 0600."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Addresses and keys of one running world; append `/api/v1/…` to `api_url`."""

    api_url: str
    operator_key: str
    consumer_key: str
    simulator_url: str
    vastai_url: str
    vastai_key: str
    tensordock_url: str
    tensordock_token: str
    emulator_url: str
    deployment_id: str


def write(file: Path, endpoints: Endpoints) -> None:
    """Write them for the owner only, and never half: readers see all or nothing."""
    write_private(file, json.dumps(asdict(endpoints), indent=2) + "\n")


def read(file: Path) -> Endpoints | None:
    """What is up; None when nothing is, or when the file is from another version."""
    try:
        return Endpoints(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_private(file: Path, text: str) -> None:
    """Replace `file` by one that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
