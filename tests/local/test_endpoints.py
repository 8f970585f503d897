"""The endpoints file holds keys: its owner alone reads it, and never half of it."""

from __future__ import annotations

import stat
from dataclasses import fields
from pathlib import Path

import pytest

from local import endpoints
from local.endpoints import Endpoints

SOME = Endpoints(**{field.name: f"the {field.name}" for field in fields(Endpoints)})
NAMES = {
    "api_url",
    "operator_key",
    "consumer_key",
    "simulator_url",
    "vastai_url",
    "vastai_key",
    "tensordock_url",
    "tensordock_token",
    "emulator_url",
    "deployment_id",
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    endpoints.write(tmp_path / "endpoints.json", SOME)
    assert endpoints.read(tmp_path / "endpoints.json") == SOME


def test_the_file_has_exactly_the_promised_names() -> None:
    assert {field.name for field in fields(Endpoints)} == NAMES


def test_only_the_owner_may_read_it_also_when_it_replaces_another(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    file.write_text("open to all")
    file.chmod(0o644)
    endpoints.write(file, SOME)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["endpoints.json"]


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"api_url": "x"}'])
def test_a_missing_or_unreadable_file_means_nothing_is_up(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "endpoints.json"
    if content is not None:
        file.write_text(content)
    assert endpoints.read(file) is None
