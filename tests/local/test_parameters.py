"""A local deployment takes its numbers from samconfig's local stage and keeps its id."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from local.parameters import deployment_id, local_stage

STAGE = "[local.deploy.parameters]\n"


@pytest.mark.parametrize(
    "written",
    [
        'parameter_overrides = ["A=1", "B=two words"]',
        "parameter_overrides = \"A=1 B='two words'\"",
        'parameter_overrides = { A = 1, B = "two words" }',
    ],
)
def test_overrides_are_read_in_every_form_sam_accepts(tmp_path: Path, written: str) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(STAGE + written)
    assert local_stage(file) == {"A": "1", "B": "two words"}


def test_a_value_may_contain_the_equals_sign(tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(STAGE + 'parameter_overrides = ["Url=http://x/?a=b"]')
    assert local_stage(file) == {"Url": "http://x/?a=b"}


def test_a_deployment_id_has_eight_characters_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "deployment_id"
    made = deployment_id(file)
    assert re.fullmatch(r"[a-z0-9]{8}", made)
    assert deployment_id(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_checkouts_get_different_ids(tmp_path: Path) -> None:
    assert deployment_id(tmp_path / "one") != deployment_id(tmp_path / "two")
